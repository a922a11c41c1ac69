"""France."""

from __future__ import annotations

from typing import Final

from ...context import Words
from .form import GAP, THIRTEEN, groups, parts
from .identifier import ANY, SAID, identifier


def nir(number: str) -> bool:
    """Numéro d'inscription au répertoire (sécurité sociale): 97 less the rest of thirteen digits by 97, where Corsica's
    departments 2A and 2B count as 19 and 18. Months 20 and above say that it is not known (INSEE). 13 digits have no key."""
    body, key = number[:13], number[13:]
    month = int(body[3:5])
    if not (1 <= month <= 12 or 20 <= month <= 42 or month >= 50) or body[5:7] == "00" or body[10:13] == "000":
        return False
    return not key or 97 - int(body.replace("2A", "19").replace("2B", "18")) % 97 == int(key)


def spi(number: str) -> bool:
    """Numéro fiscal de référence: the last three digits are the rest of the first ten by 511 (DGFiP)."""
    return int(number[:10]) % 511 == int(number[10:])


_NIR: Final = (
    r"\b"
    + parts("[12378]", "[0-9]{2}", "[0-9]{2}", "(?:[0-9]{2}|2[AB])", "[0-9]{3}", "[0-9]{3}", "(?:[0-9]{2})?")
    + r"\b"
)

PATTERNS: Final = (
    identifier(
        "fr-nir",
        "FR",
        _NIR,
        rf"[12378]{GAP}[0-9]{{2}}{GAP}[0-9]{{2}}{GAP}(?:[0-9]{{2}}|2[AB]){GAP}{groups(3, 3)}(?:{GAP}| ?/ ?)[0-9]{{2}}",
        nir,
        Words("nir", "numéro de sécurité sociale", "numero de securite sociale", "sécurité sociale", "securite sociale",
              "n sécu", "numéro de sécu", "sécu", "secu", "insee", "carte vitale", "n ss", "num sécu", "nss", "numéro ss"),
        certain=r"[12378]([ .-])[0-9]{2}\1[0-9]{2}\1[0-9][0-9AB]\1[0-9]{3}\1[0-9]{3}.{1,3}[0-9]{2}",
        telling=ANY,
    ),
    identifier(
        "fr-nir-without-key",
        "FR",
        _NIR,
        rf"[12378]{GAP}[0-9]{{2}}{GAP}[0-9]{{2}}{GAP}(?:[0-9]{{2}}|2[AB]){GAP}{groups(3, 3)}",
        nir,
        Words("nir", "numéro de sécurité sociale", "numero de securite sociale", "sécurité sociale", "securite sociale",
              "numéro de sécu", "sécu", "secu", "insee", "carte vitale", "nss"),
        near=SAID,
    ),
    identifier(
        "fr-spi",
        "FR",
        THIRTEEN,
        rf"[0-3][0-9]{GAP}{groups(2, 3, 3, 3)}",
        spi,
        Words("spi", "numéro fiscal", "numero fiscal", "n fiscal", "numéro fiscal de référence", "identifiant fiscal",
              "référence fiscale", "nif", "numéro d'identification fiscale", "impots gouv", "avis d'imposition"),
        telling="[0-3][0-9] [0-9]{2} [0-9]{3} [0-9]{3} [0-9]{3}",
    ),
)  # fmt: skip
