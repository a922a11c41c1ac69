"""Belgium, the Netherlands, Luxembourg."""

from __future__ import annotations

from typing import Final

from ...checks import luhn, weighted_sum
from ...checks_dates import is_date, is_short_date
from ...checks_verhoeff import verhoeff
from ...context import Words
from .form import DAY, ELEVEN, GAP, MONTH, NINE, THIRTEEN, groups
from .identifier import ANY, identifier

_BSN: Final = (9, 8, 7, 6, 5, 4, 3, 2, -1)


def national_register(number: str) -> bool:
    """Belgian rijksregisternummer / numéro de registre national: 97 less the rest of the first nine digits by 97, a 2 before
    them for those born from 2000 on. BIS numbers have the month 20 or 40 higher; month and day may be unknown (00)."""
    month, day = int(number[2:4]) % 20, int(number[4:6])
    if int(number[2:4]) > 52 or month > 12 or not (day <= 31 and (not month or not day or _born(number, month, day))):
        return False
    rest = 97 - int(number[9:])
    return int(number[:9]) % 97 == rest or (number[0] < "5" and int("2" + number[:9]) % 97 == rest)


def _born(number: str, month: int, day: int) -> bool:
    return is_short_date(int(number[:2]), month, day)


def bsn(number: str) -> bool:
    """Dutch burgerservicenummer: the elfproef, with the last digit counted negatively. Not nine zeros."""
    return weighted_sum(number, _BSN) % 11 == 0 and number.strip("0") != ""


def matricule(number: str) -> bool:
    """Luxembourg's numéro d'identification national: date of birth, three digits, Luhn's digit of these eleven, and Verhoeff's
    digit of the same (Act of 19 June 2013, Regulation of 28 November 2013)."""
    born = is_date(int(number[:4]), int(number[4:6]), int(number[6:8]))
    return born and luhn(number[:12]) and verhoeff(number[:11] + number[12])


PATTERNS: Final = (
    identifier(
        "be-national-register",
        "BE",
        ELEVEN,
        rf"[0-9]{{2}}{GAP}[0-5][0-9]{GAP}[0-3][0-9](?:{GAP}| ?[-/] ?){groups(3, 2)}",
        national_register,
        Words("numéro national", "numero national", "registre national", "nationaal nummer", "insz", "niss", "inss", "rrn", "nrn",
              "bis nummer", "numéro bis", "nationalregister", "national register",
              stems=("rijksregister", "nationalregisternummer", "rijksreg")),
        certain=r"[0-9]{2}\.[0-9]{2}\.[0-9]{2} ?- ?[0-9]{3}[.-][0-9]{2}",
        telling=ANY,
    ),
    identifier(
        "nl-bsn",
        "NL",
        NINE,
        f"{groups(3, 3, 3)}|{groups(4, 2, 3)}|{groups(4, 3, 2)}",
        bsn,
        Words("bsn", "sofi", "sofi nummer", "burger service nummer", "burger servicenummer", "citizen service number",
              "persoonsnummer", "fiscaal nummer", "rsin",
              stems=("burgerservice", "sofinummer", "bsnnummer", "bsnnr")),
    ),
    identifier(
        "lu-matricule",
        "LU",
        THIRTEEN,
        rf"(?:1[89]|20)[0-9]{{2}}{GAP}{MONTH}{GAP}{DAY}{GAP}{groups(3, 2)}",
        matricule,
        Words("matricule", "numéro d'identification national", "identification nationale", "nationale identifikationsnummer",
              "sozialversicherungsnummer", "ccss", "cns", stems=("matrikel",)),
        telling=ANY,
    ),
)  # fmt: skip
