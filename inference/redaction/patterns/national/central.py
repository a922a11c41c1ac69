"""Poland, Czechia, Slovakia, Hungary."""

from __future__ import annotations

from typing import Final

from ...checks import weighted_sum
from ...checks_dates import is_date, is_short_date
from ...checks_vat import pl_nip
from ...checks_vat_person import cz_birth_number
from ...context import Words
from .form import DAY, ELEVEN, GAP, MONTH, TEN, groups, parts
from .identifier import identifier

_PESEL: Final = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
_PESEL_CENTURIES: Final = (1900, 2000, 2100, 2200, 1800)
_RISING: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)


def pesel(number: str) -> bool:
    """Polish PESEL: date of birth with the century in the month, serial, check digit (Act of 24 September 2010, art. 15)."""
    century, month = divmod(int(number[2:4]), 20)
    born = is_date(_PESEL_CENTURIES[century] + int(number[:2]), month, int(number[4:6]))
    return born and weighted_sum(number, _PESEL) % 10 == 0


def nip(number: str) -> bool:
    """Polish NIP, which persons in business have too: the weighted sum modulo 11, 10 is not issued; no tax office is 000."""
    return number[:3] != "000" and pl_nip(number)


def personal_number(number: str) -> bool:
    """Hungarian személyi azonosító: sex and century, date of birth, serial, check digit; the weights fall for those born from
    1997 on (Act LXVI of 1992, 20/1997)."""
    year, month, day = int(number[1:3]), int(number[3:5]), int(number[5:7])
    weights = tuple(reversed(_RISING)) if number[0] in "34" else _RISING
    if number[0] in "12" and year >= 97:
        weights = tuple(reversed(_RISING))
    return is_short_date(year, month, day) and weighted_sum(number, weights) % 11 == int(number[10])


def tax_number(number: str) -> bool:
    """Hungarian adóazonosító jel: 8, the days from 1867-01-01 to the birth, serial, check digit (Act CL of 2017, annex)."""
    return weighted_sum(number, _RISING[:9]) % 11 == int(number[9])


_BIRTH: Final = Words(
    "rodné číslo", "rodného čísla", "rodném čísle", "rodným číslem", "rodnému číslu", "rodne cislo", "rodné č", "r č", "rč",
    "rod č", "birth number", "rodné čísla", "rodnom čísle", "rodným číslom", stems=("rodnecislo",),
)  # fmt: skip


_BIRTH_TRIGGER: Final = r"\b" + parts("[0-9]{6}", "[0-9]{3,4}") + r"\b"
_BIRTH_FORM: Final = rf"[0-9]{{2}}[0-8][0-9]{DAY}(?:{GAP}| ?/ ?)[0-9]{{3,4}}"
_HUNGARIAN_BIRTH: Final = rf"[0-9]{{2}}{MONTH}{DAY}"

PATTERNS: Final = (
    identifier(
        "pl-pesel",
        "PL",
        ELEVEN,
        rf"[0-9]{{2}}(?:[02468][1-9]|[13579][0-2]){DAY}{GAP}[0-9]{{5}}",
        pesel,
        Words("pesel", "nr pesel", "numer ewidencyjny", "numer identyfikacyjny", stems=("pesel",)),
    ),
    identifier(
        "pl-nip",
        "PL",
        TEN,
        f"{groups(3, 3, 2, 2)}|{groups(3, 2, 2, 3)}",
        nip,
        Words("nip", "numer identyfikacji podatkowej", "identyfikator podatkowy", "podatkowy", "podatnik"),
    ),
    identifier(
        "cz-birth-number", "CZ", _BIRTH_TRIGGER,
        _BIRTH_FORM, cz_birth_number, _BIRTH, telling="[0-9]{6}/[0-9]{4}",
    ),
    identifier(
        "sk-birth-number", "SK", _BIRTH_TRIGGER,
        _BIRTH_FORM, cz_birth_number, _BIRTH, telling="[0-9]{6}/[0-9]{4}",
    ),
    identifier(
        "hu-personal",
        "HU",
        ELEVEN,
        rf"[1-8](?:{GAP}| ?- ?){_HUNGARIAN_BIRTH}(?:{GAP}| ?- ?)[0-9]{{4}}",
        personal_number,
        Words("személyi szám", "személyi azonosító", "személyi azonosító jel", "személyazonosító", "személyi", "személyi sz",
              "szem szám", stems=("személyiszám", "személyiazonosító", "szemelyi")),
        telling=r"[1-8]([ -])[0-9]{6}\1[0-9]{4}",
    ),
    identifier(
        "hu-tax",
        "HU",
        TEN,
        rf"8[0-9]{{3}}{GAP}[0-9]{{3}}{GAP}[0-9]{{3}}|8[0-9]{{2}}{GAP}[0-9]{{3}}{GAP}[0-9]{{4}}",
        tax_number,
        Words("adóazonosító", "adóazonosító jel", "adó azonosító", "adóazonosító jele", "adószám", "adojel",
              stems=("adóazonosító", "adoazonosito", "adójel")),
    ),
)  # fmt: skip
