"""How a number is written: what tells it from an amount, a date, a version or a part of something longer."""

from __future__ import annotations

import re
from typing import Final

_CRUMBS: Final = re.compile(r"(?<![0-9A-Za-z])[0-9][ ./-][0-9](?![0-9A-Za-z])")
"""Two single digits: 1.2.3456."""
_UNIFORM: Final = re.compile(
    r"[0-9A-Za-z+*]+(?:(?P<by>[ ./-])[0-9A-Za-z+*]+(?:(?:(?P=by)|\r?\n[ \t]*)[0-9A-Za-z+*]+)*|\r?\n[ \t]*[0-9A-Za-z]+)?"
)
_DATE: Final = re.compile(
    r"[0-3]?[0-9]([./ -])[01]?[0-9]\1(?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}([./ -])[01]?[0-9]\2[0-3]?[0-9]"
)
_THOUSANDS: Final = re.compile(r"[0-9]{1,3}(?:([ .])[0-9]{3})(?:\1[0-9]{3})*")
_MONEY_AFTER: Final = re.compile(
    r"[.,][0-9]|\s?(?:[$%\xa2-\xa5]|(?:EUR|USD|GBP|CHF|PLN|CZK|HUF|RON|SEK|NOK|DKK|ISK|BGN|zl|kc|ft|lei|kr|euros?)(?![A-Za-z]))",
    re.IGNORECASE,
)
_SEPARATORS: Final = {ord(separator): None for separator in " ./-\r\n\t"}


def bare(written: str) -> str:
    """The characters of a written number, in upper case."""
    return written.translate(_SEPARATORS).upper()


def is_one_number(written: str) -> bool:
    """Whether its groups have one separator throughout (and at most one line's end), besides `could_be_one_number`."""
    if written.isalnum():
        return True
    return could_be_one_number(written) and _UNIFORM.fullmatch(written) is not None


def could_be_one_number(written: str) -> bool:
    """Whether it is on two lines at most, no row of single digits, and no date."""
    return written.count("\n") < 2 and not _CRUMBS.search(written) and not _DATE.fullmatch(written)


def goes_on(shadow: str, start: int, end: int) -> bool:
    """Whether a number written in groups has another one after ``shadow[start:end]``, as an IBAN has."""
    return " " in shadow[start:end] and shadow[end : end + 1] == " " and shadow[end + 1 : end + 2].isdigit()


def is_amount(shadow: str, end: int) -> bool:
    """Whether what follows the number that ends at `end` says that it is money."""
    return _MONEY_AFTER.match(shadow, end) is not None


def has_thousands(written: str) -> bool:
    """Whether it is grouped as amounts are."""
    return _THOUSANDS.fullmatch(written) is not None
