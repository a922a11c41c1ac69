"""Denmark, Sweden, Norway, Finland, Iceland."""

from __future__ import annotations

from typing import Final

from ...checks import luhn, weighted_sum
from ...checks_dates import is_date, is_short_date
from ...context import Words
from .form import DAY, DDMMYY, ELEVEN, GAP, MONTH, TEN, parts
from .identifier import ANY, TOLD, identifier

_CPR: Final = (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_CPR_UNCHECKED: Final = 2007
_NO_FIRST: Final = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_NO_SECOND: Final = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_KENNITALA: Final = (3, 2, 7, 6, 5, 4, 3, 2, 1)
_HETU_CHECKS: Final = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_HETU_CENTURIES: Final = {"+": 1800, **dict.fromkeys("-UVWXY", 1900), **dict.fromkeys("ABCDEF", 2000)}
_NO_CLOCK: Final = rf"(?!(?:19|20)?(?:9[5-9]|[0-4][0-9]){MONTH}{DAY}-(?:[01][0-9]|2[0-3])[0-5][0-9])"
"""Not a time stamp, YYMMDD-HHMM, from 1995 on."""


def cpr(number: str) -> bool:
    """Danish CPR number: date of birth, the century in the seventh digit. The check digits hold for those born until 2007,
    save on a few days of 1965 and 1966 when they ran out; since then there are none."""
    return is_date(_danish_year(number), int(number[2:4]), int(number[:2]))


def cpr_checked(number: str) -> bool:
    """The same with the check digits that most of those born before October 2007 have."""
    return cpr(number) and (
        weighted_sum(number, _CPR) % 11 == 0 or _danish_year(number) >= _CPR_UNCHECKED or int(number[4:6]) in (65, 66)
    )


def _danish_year(number: str) -> int:
    year, century = int(number[4:6]), number[6]
    if century in "0123" or (century in "49" and year > 36):
        return 1900 + year
    return 1800 + year if century in "5678" and year > 57 else 2000 + year


def personnummer(number: str) -> bool:
    """Swedish personnummer or samordningsnummer (the day 60 higher): Luhn over ten digits, whatever the century."""
    digits = number.replace("+", "")[-10:]
    day = int(digits[4:6])
    born = is_short_date(int(digits[:2]), int(digits[2:4]), day - 60 if day > 60 else day)
    return born and luhn(digits)


def fodselsnummer(number: str) -> bool:
    """Norwegian fødselsnummer, D-number (the day 40 higher) or H-number (the month 40 higher): date of birth, serial, two
    check digits modulo 11."""
    day, month = int(number[:2]), int(number[2:4])
    born = is_short_date(int(number[4:6]), month - 40 if month > 40 else month, day - 40 if day > 40 else day)
    return born and weighted_sum(number, _NO_FIRST) % 11 == 0 and weighted_sum(number, _NO_SECOND) % 11 == 0


def hetu(number: str) -> bool:
    """Finnish henkilötunnus: date of birth, a sign or letter for the century (more of them since 2023), serial from 002, and
    the rest of the nine digits by 31 as check character."""
    sign = number[6] if len(number) == 11 else "-"
    serial, check = number[-4:-1], number[-1]
    born = is_date(_HETU_CENTURIES[sign] + int(number[4:6]), int(number[2:4]), int(number[:2]))
    return born and int(serial) > 1 and _HETU_CHECKS[int(number[:6] + serial) % 31] == check


def kennitala(number: str) -> bool:
    """Icelandic kennitala of a person: date of birth, two digits, check digit modulo 11, century (9 or 0)."""
    year = (1900 if number[9] == "9" else 2000) + int(number[4:6])
    return is_date(year, int(number[2:4]), int(number[:2])) and weighted_sum(number, _KENNITALA) % 11 == 0


_DANISH: Final = Words(
    "cpr", "cpr nr", "cpr nummer", "personnummer", "person nr", "cprnr", stems=("cprnummer", "personnummer", "cprnr")
)

PATTERNS: Final = (
    identifier(
        "dk-cpr", "DK", TEN,
        rf"{DDMMYY}-[0-9]{{4}}", cpr_checked, _DANISH, telling=_NO_CLOCK + ANY, alone=TOLD,
    ),
    identifier(
        "dk-cpr-named", "DK", TEN,
        rf"{DDMMYY}(?:{GAP}| ?- ?)[0-9]{{4}}", cpr, _DANISH,
    ),
    identifier(
        "se-personnummer",
        "SE",
        r"\b" + parts("(?:[0-9]{2})?[0-9]{6}", r"\+?[0-9]{4}") + r"\b",
        rf"(?:18|19|20)?[0-9]{{2}}{MONTH}(?:{DAY}|[67][0-9]|8[0-9]|9[01])(?:{GAP}|\+| ?- ?)[0-9]{{4}}",
        personnummer,
        Words("personnummer", "person nr", "personnr", "pnr", "samordningsnummer", "samordningsnr", "person nummer", "ssn",
              "födelsenummer", stems=("personnum", "samordningsnum", "personnr")),
        telling=_NO_CLOCK + "(?:[0-9]{2})?[0-9]{6}[+-][0-9]{4}",
    ),
    identifier(
        "no-fodselsnummer",
        "NO",
        ELEVEN,
        rf"[0-7][0-9][0-5][0-9][0-9]{{2}}{GAP}[0-9]{{5}}|[0-7][0-9][0-5][0-9][0-9]{{2}}{GAP}[0-9]{{3}}{GAP}[0-9]{{2}}",
        fodselsnummer,
        Words("fødselsnummer", "fødselsnr", "fnr", "personnummer", "f nr", "d nummer", "dnr", "dnummer", "fodselsnummer",
              "fødsels og personnummer", "fødselsnummeret", stems=("fødselsnum", "fodselsnum", "personnum", "dnummer")),
        telling=ANY,
    ),
    identifier(
        "fi-hetu",
        "FI",
        r"\b[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Y]\b",
        rf"{DDMMYY}[-+A-FU-Y][0-9]{{3}}[0-9A-FHJ-NPR-Y]",
        hetu,
        Words("hetu", "henkilötunnus", "henkilotunnus", "sotu", "personbeteckning", "syntymäaika",
              stems=("henkilötunnu", "henkilotunnu", "personbeteckning", "sosiaaliturvatunnu")),
        certain=ANY,
    ),
    identifier(
        "is-kennitala",
        "IS",
        TEN,
        rf"{DDMMYY}(?:{GAP}| ?- ?)[0-9]{{3}}[09]",
        kennitala,
        Words("kennitala", "kt", "kennitölu", "kennitalan", "kennitolu", "kenni tala", stems=("kennital", "kennitöl")),
        telling=_NO_CLOCK + "[0-9]{6}-[0-9]{4}",
    ),
)  # fmt: skip
