"""How each country writes its VAT numbers: prefix, characters, check digits, and what they are worth."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ... import checks_vat as checks
from ...context import Words
from .words import BY_COUNTRY

_GAP: Final = r"(?:[ .:/-]{0,2}|[ :]{0,2}\r?\n[ \t]{0,8})"
"""What may stand between the prefix and the number."""
SEPARATOR: Final = r"(?:[ ./-]{1,3}|[ -]?\r?\n[ \t]{0,8})?"
"""What may stand between two characters of a number."""
END: Final = r"(?![0-9A-Za-z\xc0-\xff_]|[./-][0-9])"
"""What ends a number: neither a word nor another group follows."""
_GATE_LENGTH: Final = 6
_KINDS: Final = {"9": "[0-9]", "A": "[A-Za-z]", "X": "[0-9A-Za-z]", "+": "[0-9A-Za-z+*]"}
"""Characters in the table below: a digit, a letter, either, or what Ireland has in the second place. Others mean themselves."""
_PLAIN: Final = (
    r"[A-Z]{2,3}[ .-]?[0-9A-Z+*]+(?:(?P<by>[ ./-]|\r?\n[ \t]*)[0-9A-Z+*]+(?:(?:(?P=by)|\r?\n[ \t]*)[0-9A-Z+*]+)*)?"
    r"(?:[ ./-]{0,2}(?:MWST|TVA|IVA|VAT|MVA))?"
)
"""In upper case, the prefix glued to the number or one character away, one kind of separator."""


@dataclass(frozen=True, slots=True)
class Form:
    """One country's numbers."""

    country: str
    """The ISO code, but EL for Greece and XI for Northern Ireland."""
    gate: str
    """The scanner's expression for a prefix and the first characters of a number, whatever their case."""
    number: re.Pattern[str]
    """The bare number with its separators."""
    prefixed: re.Pattern[str]
    """Prefix, number (which is group 1) and suffix."""
    lengths: frozenset[int]
    """How many digits its numbers have that are of digits only."""
    lettered: bool
    """Whether some have letters."""
    suffix: re.Pattern[str] | None
    """What may follow a number and then announces it."""
    check: Callable[[str], bool] | None
    """Of the bare characters in upper case; None where a country has no check digits."""
    strong: bool
    """Whether hardly any number passes by accident: by two check digits, or by letters at their places."""
    alone: re.Pattern[str] | None
    """How a value with prefix must be written to count where no word announces it; None for never."""
    words: Words
    """What announces a number without prefix."""


def _form(
    country: str,
    numbers: str,
    check: Callable[[str], bool] | None,
    *,
    prefix: str = "",
    suffix: str = "",
    upper: bool = False,
    strong: bool = False,
    alone: str | None = _PLAIN,
) -> Form:
    """`numbers` are the characters of each kind of number, the longest first; `upper` is for a prefix that is a word as well."""
    kinds = numbers.split()
    number = f"({'|'.join(SEPARATOR.join(map(_character, kind)) for kind in kinds)})"
    ending = f"(?:[ ./-]{{0,2}}(?:{suffix}){END}|{END})" if suffix else END
    first = [{kind[place] for kind in kinds} for place in range(min(_GATE_LENGTH, *map(len, kinds)))]
    prefix = prefix or country
    return Form(
        country=country,
        gate=rf"\b(?:{prefix})[ .:/\r\n\t-]{{0,9}}" + r"[ ./\r\n\t-]{0,9}".join(map(_gate, first)),
        number=re.compile(number + END),
        prefixed=re.compile(f"(?:{prefix}){_GAP}{number}{ending}", 0 if upper else re.IGNORECASE),
        lengths=frozenset(len(kind) for kind in kinds if set(kind) <= {"9", "X"}),
        lettered=any(set(kind) != {"9"} for kind in kinds),
        suffix=re.compile(rf"[ ./-]{{0,2}}(?:{suffix}){END}") if suffix else None,
        check=check,
        strong=strong,
        alone=re.compile(alone, re.DOTALL) if alone else None,
        words=BY_COUNTRY[country],
    )


def _character(kind: str) -> str:
    return _KINDS.get(kind) or f"[{kind}{kind.lower()}]"


def _gate(kinds: set[str]) -> str:
    return _character(next(iter(kinds))) if len(kinds) == 1 else _KINDS["+"]


FORMS: Final = (
    _form("AT", "U99999999", checks.at_uid, strong=True),
    _form("BE", "9999999999 999999999", checks.be_enterprise, strong=True),
    _form("BG", "9999999999 999999999", checks.bg_vat),
    _form("CH", "999999999", checks.ch_uid, prefix="CHE", suffix="MWST|TVA|IVA|VAT", strong=True),
    _form("CY", "99999999A", checks.cy_tic, strong=True),
    _form("CZ", "9999999999 999999999 99999999", checks.cz_dic),
    _form("DE", "999999999", checks.de_vat),
    _form("DK", "99999999", checks.dk_cvr),
    _form("EE", "999999999", checks.ee_kmkr),
    _form("EL", "999999999", checks.el_afm, prefix="EL|GR"),
    _form("ES", "99999999A A9999999X", checks.es_nif, strong=True),
    _form("FI", "99999999", checks.fi_business_id),
    _form("FR", "XX999999999", checks.fr_tva, strong=True),
    _form("GB", "999999999999 999999999", checks.gb_vat, strong=True),
    _form("HR", "99999999999", checks.hr_oib),
    _form("HU", "99999999999 99999999", checks.hu_anum),
    _form("IE", "9999999AA 9+99999A", checks.ie_vat, strong=True),
    _form("IS", "999999 99999", None, upper=True, alone=None),
    _form("IT", "99999999999", checks.it_partita_iva, strong=True),
    _form("LI", "99999", None, upper=True, alone=None),
    _form("LT", "999999999999 999999999", checks.lt_pvm, strong=True),
    _form("LU", "99999999", checks.lu_tva, strong=True),
    # Persons' codes from 32 to 39 have no check digit.
    _form("LV", "99999999999", checks.lv_pvn, alone=rf"(?!LV[ .-]?3[ .-]?[2-9]){_PLAIN}"),
    _form("MT", "99999999", checks.mt_vat, strong=True),
    _form("NL", "999999999B99", checks.nl_btw, strong=True),
    # "NO 974 760 673" may as well be the word for number.
    _form("NO", "999999999", checks.no_orgnr, suffix="MVA", upper=True, alone=r"NO[0-9]{9}|.*MVA"),
    _form("PL", "9999999999", checks.pl_nip),
    _form("PT", "999999999", checks.pt_nif),
    _form(
        "RO",
        "9999999999999 9999999999 999999999 99999999 9999999 999999 99999",
        checks.ro_cif,
        alone=rf"(?=RO(?:[^0-9]*[0-9]){{6}}){_PLAIN}",
    ),
    _form("SE", "999999999999", checks.se_vat, strong=True),
    _form("SI", "99999999", checks.si_ddv),
    _form("SK", "9999999999", checks.sk_dph),
    _form("XI", "999999999999 999999999", checks.gb_vat, strong=True),
)

BY_DIGITS: Final = {
    length: tuple(form for form in FORMS if length in form.lengths)
    for length in sorted(frozenset().union(*(form.lengths for form in FORMS)))
}
"""The forms that a number of so many digits may have."""
LETTERED: Final = tuple(form for form in FORMS if form.lettered)
