"""Plausible dates: whether the digits of an identifier can be somebody's day of birth."""

from __future__ import annotations

from typing import Final

_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_date(year: int, month: int, day: int) -> bool:
    """Whether there is such a day in the Gregorian calendar. A day to come is one: a scanner must not depend on the clock."""
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return False
    return day != 29 or month != 2 or (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0))


def is_short_date(year: int, month: int, day: int) -> bool:
    """The same for a `year` of two digits whose century is not said: it may be any that makes a date."""
    return is_date(2000 + year, month, day)
