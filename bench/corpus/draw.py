"""A draw: where a document's values come from, seeded, for one language and one country."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any, Final

from faker import Faker

COUNTRIES: Final = {
    "bg": ("BG",), "cs": ("CZ",), "da": ("DK",), "de": ("DE", "DE", "AT", "CH"), "el": ("GR", "GR", "CY"), "en": ("GB", "IE", "US"),
    "es": ("ES",), "et": ("EE",), "fi": ("FI",), "fr": ("FR", "FR", "BE", "LU"), "ga": ("IE",), "hr": ("HR",), "hu": ("HU",),
    "it": ("IT",), "lt": ("LT",), "lv": ("LV",), "mt": ("MT",), "nl": ("NL", "NL", "BE"), "pl": ("PL",), "pt": ("PT",),
    "ro": ("RO",), "sk": ("SK",), "sl": ("SI",), "sv": ("SE", "SE", "FI"), "nb": ("NO",), "is": ("IS",),
}  # fmt: skip
"""Countries that write in a language, as often as they are drawn: the 24 of the EU, Norwegian and Icelandic."""

_LOCALES: Final = {
    "BG": "bg_BG", "CZ": "cs_CZ", "DK": "da_DK", "DE": "de_DE", "AT": "de_AT", "CH": "de_CH", "GR": "el_GR", "CY": "el_GR",
    "GB": "en_GB", "IE": "en_IE", "US": "en_US", "MT": "en_GB", "ES": "es_ES", "EE": "et_EE", "FI": "fi_FI", "FR": "fr_FR",
    "BE": "nl_BE", "LU": "fr_FR", "HR": "hr_HR", "HU": "hu_HU", "IT": "it_IT", "LT": "lt_LT", "LV": "lv_LV", "NL": "nl_NL",
    "PL": "pl_PL", "PT": "pt_PT", "RO": "ro_RO", "SK": "sk_SK", "SI": "sl_SI", "SE": "sv_SE", "NO": "no_NO", "IS": "is_IS",
}  # fmt: skip


@cache
def _faker(locale: str) -> Any:
    return Faker(locale)


@dataclass(slots=True)
class Draw:
    """Random choices for one document. Two draws of the same seed, language and country are equal."""

    seed: int
    language: str
    country: str = ""
    random: Random = field(init=False)
    fake: Any = field(init=False)
    first: str = field(init=False)
    last: str = field(init=False)
    """The names of the person that the document is about."""

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        if not self.country:
            self.country = self.random.choice(COUNTRIES[self.language])
        self.fake = _faker(_LOCALES[self.country])
        self.fake.seed_instance(self.seed)
        self.first, self.last = self.fake.first_name(), self.fake.last_name()

    def fill(self, shape: str) -> str:
        """`shape` with a digit for each ``#``, a capital for each ``@``, either for each ``*``."""
        pools = {"#": string.digits, "@": string.ascii_uppercase, "*": string.digits + string.ascii_uppercase}
        return "".join(self.random.choice(pools[place]) if place in pools else place for place in shape)

    def checked(self, shape: str, valid: Callable[[str], bool]) -> str:
        """A filled `shape` that is `valid`: drawn anew until it is, so that no check digit needs to be made here.

        ``{y}``, ``{m}`` and ``{d}`` in it stand for two digits each of a date of birth, ``{Y}`` for the four of its year.
        """
        while True:
            born = self.birth(latest=1999)
            dated = shape.format(y=f"{born.year % 100:02}", Y=born.year, m=f"{born.month:02}", d=f"{born.day:02}")
            value = self.fill(dated)
            if valid(value):
                return value

    def birth(self, latest: int = 2004) -> date:
        return date(1935, 1, 1) + timedelta(days=self.random.randrange(365 * (latest - 1935)))

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def letters(self, count: int, pool: str = string.ascii_letters + string.digits) -> str:
        return "".join(self.random.choices(pool, k=count))


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it is written, and what its own country calls it (empty: the language's word for its type)."""

    text: str
    label: str = ""
