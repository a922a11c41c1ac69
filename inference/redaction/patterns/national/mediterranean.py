"""Italy, Malta, Greece, Cyprus."""

from __future__ import annotations

import re
from typing import Final

from ...checks import luhn
from ...checks_dates import is_short_date
from ...checks_vat import cy_tic, el_afm
from ...context import Words
from .form import DDMMYY, ELEVEN, GAP, NINE, SEVEN_AND_LETTER, groups, parts
from .identifier import SAID, identifier

_ODD: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
"""What a letter counts in an odd place of a codice fiscale; a digit counts as the letter of its rank."""
_OMOCODIA: Final = str.maketrans("LMNPQRSTUV", "0123456789")
_MONTHS: Final = "ABCDEHLMPRST"
_THREE: Final = re.compile(r"[B-DF-HJ-NP-TV-Z]*[AEIOU]*X*")


def codice_fiscale(number: str) -> bool:
    """Italian codice fiscale: three letters each of surname and name (consonants, then vowels, then X), year, month, day
    (40 higher for women), municipality, check letter (Decree of 12 March 1974). Digits may be letters where two persons
    would share a code (omocodia)."""
    if not (_THREE.fullmatch(number, 0, 3) and _THREE.fullmatch(number, 3, 6)):
        return False
    year, day = number[6:8].translate(_OMOCODIA), int(number[9:11].translate(_OMOCODIA))
    if not is_short_date(int(year), _MONTHS.index(number[8]) + 1, day - 40 if day > 40 else day):
        return False
    ranks = [int(character) if character < "A" else ord(character) - 65 for character in number]
    return (sum(_ODD[rank] for rank in ranks[:15:2]) + sum(ranks[1:15:2])) % 26 == ranks[15]


def amka(number: str) -> bool:
    """Greek AMKA: date of birth, serial, Luhn's digit."""
    return is_short_date(int(number[4:6]), int(number[2:4]), int(number[:2])) and luhn(number)


def unchecked(number: str) -> bool:
    """Malta's identity cards have no check digit."""
    return True


_DIGIT: Final = "[0-9LMNPQRSTUV]"

PATTERNS: Final = (
    identifier(
        "it-codice-fiscale",
        "IT",
        parts(f"[0-9]{{2}}[{_MONTHS}]{_DIGIT}{{2}}", f"[A-Z]{_DIGIT}{{3}}", "[A-Z]") + r"\b",
        rf"[A-Z]{{3}}{GAP}[A-Z]{{3}}{GAP}{_DIGIT}{{2}}[{_MONTHS}]{_DIGIT}{{2}}{GAP}[A-Z]{_DIGIT}{{3}}{GAP}[A-Z]",
        codice_fiscale,
        Words("codice fiscale", "cf", "c f", "cod fisc", "codfisc", "codice fisc", stems=("codicefiscale", "steuernummer")),
        lead=26,
        certain=r"(?s:.*[0-9].*)",
    ),
    identifier(
        "mt-identity-card",
        "MT",
        SEVEN_AND_LETTER,
        rf"[0-9]{{7}}{GAP}[MGAPLHBZ]",
        unchecked,
        Words("karta tal identità", "karta tal identita", "id card", "identity card", "id number", "numru tal identità",
              "numru tal karta", "maltese id", "i d card", "karta identità", "identity document", "id no"),
        near=SAID,
    ),
    identifier(
        "gr-afm",
        "GR",
        NINE,
        groups(3, 3, 3),
        el_afm,
        Words("αφμ", "α φ μ", "afm", "αριθμός φορολογικού μητρώου", "αριθμό φορολογικού μητρώου", "φορολογικού μητρώου",
              "αριθμος φορολογικου μητρωου", stems=("φορολογικ",)),
    ),
    identifier(
        "gr-amka",
        "GR",
        ELEVEN,
        rf"{DDMMYY}{GAP}[0-9]{{5}}|{DDMMYY}{GAP}[0-9]{{4}}{GAP}[0-9]",
        amka,
        Words("αμκα", "α μ κ α", "amka", "μητρώου κοινωνικής ασφάλισης", "αριθμός μητρώου κοινωνικής ασφάλισης",
              "κοινωνικής ασφάλισης", "κοινωνική ασφάλιση"),
    ),
    identifier(
        "cy-tax",
        "CY",
        SEVEN_AND_LETTER,
        rf"[0-9]{{8}}{GAP}[A-Z]",
        cy_tic,
        Words("tic", "φπα", "αφτ", "α φ τ", "φορολογικής ταυτότητας", "αριθμός φορολογικής ταυτότητας", "φορολογική ταυτότητα",
              "tax identification code", "vergi kimlik", stems=("φορολογικ",)),
        lead=1,
    ),
)  # fmt: skip
