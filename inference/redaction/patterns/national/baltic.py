"""Estonia, Latvia, Lithuania."""

from __future__ import annotations

from typing import Final

from ...checks import weighted_sum
from ...checks_dates import is_date
from ...checks_vat_person import lv_personal_code
from ...context import Words
from .form import DAY, ELEVEN, GAP, MONTH
from .identifier import identifier

_FIRST: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)
_SECOND: Final = (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)


def isikukood(number: str) -> bool:
    """Estonian isikukood: century and sex, date of birth, serial, and a check digit from two rows of weights."""
    year = 1800 + (int(number[0]) - 1) // 2 * 100 + int(number[1:3])
    return is_date(year, int(number[3:5]), int(number[5:7])) and _checked(number)


def asmens_kodas(number: str) -> bool:
    """Lithuanian asmens kodas: as in Estonia; a first digit 9 says that there is no date in it."""
    return _checked(number) if number[0] == "9" else isikukood(number)


def _checked(number: str) -> bool:
    rest = weighted_sum(number, _FIRST) % 11
    if rest == 10:
        rest = weighted_sum(number, _SECOND) % 11 % 10
    return rest == int(number[10])


PATTERNS: Final = (
    identifier(
        "ee-isikukood",
        "EE",
        ELEVEN,
        f"[1-8]{GAP}[0-9]{{2}}{MONTH}{DAY}{GAP}[0-9]{{4}}",
        isikukood,
        Words("isiku kood", "id kood", "ik", stems=("isikukood", "isikutunnus")),
    ),
    identifier(
        "lt-asmens-kodas",
        "LT",
        ELEVEN,
        f"(?:[1-6]{GAP}[0-9]{{2}}{MONTH}{DAY}|9{GAP}[0-9]{{6}}){GAP}[0-9]{{4}}",
        asmens_kodas,
        Words("asmens kodas", "asmens kodo", "asmens kodą", "asmens kodu", "asmens kodui", "a k", "a/k", "asm k", "asmens k"),
    ),
    identifier(
        "lv-personas-kods",
        "LV",
        ELEVEN,
        f"(?:{DAY}{MONTH}[0-9]{{2}}(?:{GAP}| ?- ?)[0-2]|3[2-9][0-9]{{4}}(?:{GAP}| ?- ?)[0-9])[0-9]{{4}}",
        lv_personal_code,
        Words("personas kods", "personas koda", "personas kodu", "personas kodam", "pers kods", "p k", "pk"),
        telling="(?!3[2-9])[0-9]{6}-[0-9]{5}",
    ),
)  # fmt: skip
