"""Check digits of persons' numbers that serve as VAT numbers as well, where a person who trades keeps their own.

Every function takes the bare characters in upper case, without a country prefix, and answers whether they are consistent.
"""

from __future__ import annotations

from typing import Final

from .checks import weighted_sum
from .checks_dates import is_date

_ES_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_BG_CITIZEN: Final = (2, 4, 8, 5, 10, 9, 7, 3, 6)
_BG_FOREIGNER: Final = (21, 19, 17, 13, 11, 9, 7, 3, 1)
_LV_PERSON: Final = (10, 5, 8, 4, 2, 1, 6, 3, 7, 9)
_RO_PERSON: Final = (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)

_RO_COUNTIES: Final = frozenset((*range(1, 49), 50, 51, 52, 54, 56, 60, 64, 70, 78, *range(80, 85), 87, 88, 90, 98, 99))
"""01 to 46 are counties and sectors; the population register says which others it has given out."""
_RO_CENTURIES: Final = {"1": (1900,), "2": (1900,), "3": (1800,), "4": (1800,), "5": (2000,), "6": (2000,)}
_RO_FOREIGNER: Final = (1900, 2000)


def es_dni(number: str) -> bool:
    """Spain, DNI: eight digits and a letter, the digits' remainder by 23 (Real Decreto 1553/2005)."""
    return number[:8].isdigit() and number[8:] == _ES_LETTERS[int(number[:8]) % 23]


def es_nie(number: str) -> bool:
    """Spain, NIE of foreigners (X, Y, Z for 0, 1, 2) and NIF of those without a DNI (K, L, M, which do not count)."""
    first, digits, last = number[0], number[1:8], number[8:]
    if not digits.isdigit() or first not in "XYZKLM":
        return False
    value = int(digits) + (10_000_000 * "XYZ".index(first) if first in "XYZ" else 0)
    return last == _ES_LETTERS[value % 23]


def bg_egn(number: str) -> bool:
    """Bulgaria, ЕГН: a date of birth (the month plus 20 before 1900, plus 40 from 2000) and a check digit mod 11."""
    year, month, day = int(number[:2]), int(number[2:4]), int(number[4:6])
    century, month = (2000, month - 40) if month > 40 else (1800, month - 20) if month > 20 else (1900, month)
    return is_date(century + year, month, day) and weighted_sum(number, _BG_CITIZEN) % 11 % 10 == int(number[9])


def bg_lnch(number: str) -> bool:
    """Bulgaria, ЛНЧ of foreigners: ten digits, the last a check digit mod 10."""
    return weighted_sum(number, _BG_FOREIGNER) % 10 == int(number[9])


def cz_birth_number(number: str) -> bool:
    """Czechia and Slovakia, rodné číslo: a date of birth (women's month plus 50, overflow plus 20) and a serial.

    Since 1954 it has ten digits and is divisible by 11; where the remainder was 10, the last digit is 0 (Act 133/2000). The
    nine digits of earlier births have no check digit.
    """
    year, month, day = int(number[:2]), int(number[2:4]) % 50, int(number[4:6])
    if len(number) == 9:
        return year < 54 and is_date(1900 + year, month, day)
    year += 1900 if year >= 54 else 2000
    if month > 20 and year >= 2004:
        month -= 20
    return is_date(year, month, day) and int(number[:9]) % 11 % 10 == int(number[9])


def lv_personal_code(number: str) -> bool:
    """Latvia, personas kods: day, month, year, a digit for the century, and a check digit mod 11 (10 becomes 0).

    Those issued since July 2017 have neither date nor check digit: a 3, a digit from 2 to 9, nine digits that say nothing
    (Fizisko personu reģistra likums, section 5).
    """
    if number[0] == "3" and number[1] > "1":
        return True
    century = {"0": 1800, "1": 1900, "2": 2000}.get(number[6])
    if century is None or not is_date(century + int(number[4:6]), int(number[2:4]), int(number[:2])):
        return False
    return (1 + weighted_sum(number, _LV_PERSON)) % 11 % 10 == int(number[10])


def ro_cnp(number: str) -> bool:
    """Romania, CNP: sex and century, date of birth, county, serial, check digit mod 11 where 10 counts as 1 (Law 105/1996).

    Residents from abroad (7, 8) and holders of a tax number only (9) may be born in either century.
    """
    month, day, year = int(number[3:5]), int(number[5:7]), int(number[1:3])
    centuries = _RO_CENTURIES.get(number[0], _RO_FOREIGNER)
    if number[0] == "0" or not any(is_date(century + year, month, day) for century in centuries):
        return False
    rest = weighted_sum(number, _RO_PERSON) % 11
    return int(number[7:9]) in _RO_COUNTIES and (1 if rest == 10 else rest) == int(number[12])
