"""The United States."""

from __future__ import annotations

from typing import Final

from ...context import Words
from .form import NINE, groups
from .identifier import NAMED, TOLD, identifier

_VOID: Final = frozenset(("078051120", "219099999", "457555462"))
"""Numbers that the Social Security Administration withdrew because advertisements showed them."""


def social_security(number: str) -> bool:
    """SSN: area, group and serial are in use (20 CFR 422.103; no area 000, 666 or 9xx). There is no check digit."""
    area = number[:3]
    return (
        area not in ("000", "666")
        and area < "900"
        and number[3:5] != "00"
        and number[5:] != "0000"
        and number not in _VOID
        and len(set(number)) > 1
    )


def individual_taxpayer(number: str) -> bool:
    """ITIN: area 9xx and a group that the IRS issues (50–65, 70–88, 90–92, 94–99)."""
    group = int(number[3:5])
    return 50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or group >= 94


_WORDS: Final = Words(
    "ssn", "social security", "soc sec", "ss number", "ss no", "itin", "individual taxpayer", "taxpayer identification",
    "social security no", stems=("socialsecurity",),
)  # fmt: skip

PATTERNS: Final = (
    identifier(
        "us-ssn", "US", NINE,
        f"[0-8]{groups(2, 2, 4)}", social_security, _WORDS,
        telling="[0-9]{3}-[0-9]{2}-[0-9]{4}", alone=TOLD, near=NAMED,
    ),
    identifier(
        "us-itin", "US", NINE,
        f"9{groups(2, 2, 4)}", individual_taxpayer, _WORDS,
        telling="[0-9]{3}-[0-9]{2}-[0-9]{4}", alone=TOLD, near=NAMED,
    ),
)  # fmt: skip
