"""Germany."""

from __future__ import annotations

from collections import Counter
from typing import Final

from ...checks import mod11_10
from ...checks_dates import is_short_date
from ...context import Words
from .form import ELEVEN, GAP, groups, parts
from .identifier import identifier

_PENSION: Final = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)


def tax_id(number: str) -> bool:
    """Steuer-Identifikationsnummer: MOD 11,10 over ten digits, of which one occurs twice (numbers until 2016) or one three
    times, not in a row (since), and no other more than once; the others once. The first is not 0 (§ 139b AO, BZSt)."""
    body = number[:10]
    if body[0] == "0":
        return False
    counts = sorted(Counter(body).values(), reverse=True)
    if counts[0] == 2:
        plausible = counts[1] == 1
    else:
        plausible = counts[0] == 3 and counts[1] == 1 and not any(digit * 3 in body for digit in set(body))
    return plausible and mod11_10(number)


def pension(number: str) -> bool:
    """Versicherungsnummer der Rentenversicherung: area, date of birth, initial, serial, and the sum of the digits of weighted
    digits, the letter counting as two (VKVV § 4). The day is 50 higher where two persons would share a number."""
    day = int(number[2:4])
    digits = f"{number[:8]}{ord(number[8]) - 64:02}{number[9:11]}"
    products = (int(digit) * weight for digit, weight in zip(digits, _PENSION, strict=True))
    born = is_short_date(int(number[6:8]), int(number[4:6]), day - 50 if day > 50 else day)
    return born and sum(sum(divmod(product, 10)) for product in products) % 10 == int(number[11])


PATTERNS: Final = (
    identifier(
        "de-tax-id",
        "DE",
        ELEVEN,
        groups(2, 3, 3, 3),
        tax_id,
        Words("steuer id", "steuer idnr", "steuer identifikationsnummer", "steuerliche identifikationsnummer", "idnr", "id nr",
              "identifikationsnummer", "tin", "steuernummer", "persönliche identifikationsnummer",
              stems=("steueridentifikation", "steuerid", "steueridnr", "steuer identifikation")),
        telling=r"[0-9]{2} [0-9]{3} [0-9]{3} [0-9]{3}",
    ),
    identifier(
        "de-pension",
        "DE",
        r"\b" + parts("[0-9]{2}", "[0-9]{2}", "[0-9]{2}", "[0-9]{2}", "[A-Z]", "[0-9]{2}", "[0-9]") + r"\b",
        rf"[0-9]{{2}}{GAP}[0-35-8][0-9]{GAP}[01][0-9]{GAP}[0-9]{{2}}{GAP}[A-Z]{GAP}[0-9]{{2}}{GAP}[0-9]",
        pension,
        Words("sv nummer", "sv nr", "rv nummer", "rv nr", "vsnr", "svnr", "rvnr",
              stems=("sozialversicherung", "rentenversicherung", "versicherungsnummer", "versichertennummer")),
        telling="[^a-z]*",
    ),
)  # fmt: skip
