"""Austria, Switzerland, Liechtenstein."""

from __future__ import annotations

from typing import Final

from ...checks import luhn, weighted_sum
from ...checks_dates import is_short_date
from ...context import Words
from .form import DAY, GAP, NINE, TEN, THIRTEEN, groups
from .identifier import ANY, announced, identifier

_SOCIAL: Final = (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)
_EAN: Final = (1, 3) * 6 + (1,)


def austrian_social(number: str) -> bool:
    """Austrian Sozialversicherungsnummer: the fourth digit is the weighted sum of the others modulo 11, 10 is not issued. The
    months 13 to 15 take the persons that a day has no number for."""
    month = int(number[6:8])
    born = month > 12 or is_short_date(int(number[8:]), month, int(number[4:6]))
    return born and weighted_sum(number, _SOCIAL) % 11 == int(number[3])


def ahv(number: str) -> bool:
    """Swiss and Liechtenstein AHV/AVS number of 13 digits: EAN-13's check digit."""
    return weighted_sum(number, _EAN) % 10 == 0


PATTERNS: Final = (
    identifier(
        "at-social",
        "AT",
        TEN,
        rf"[1-9][0-9]{{3}}(?:{GAP}| ?[-/] ?){DAY}{GAP}(?:0[1-9]|1[0-5]){GAP}[0-9]{{2}}",
        austrian_social,
        Words("svnr", "sv nr", "sv nummer", "svn", "vsnr", "sozialversicherungs nr", "versicherungs nr", "e card",
              stems=("sozialversicherung", "versicherungsnummer", "vsnummer")),
        telling=r"[0-9]{4} [0-9]{6}",
    ),
    identifier(
        "at-tax",
        "AT",
        NINE,
        r"[0-9]{2}[ -]?[0-9]{3}[ /-]?[0-9]{4}",
        luhn,
        Words("steuer nr", "st nr", "stnr", "abgabenkontonummer", "abgabenkonto nr", "finanzamt", "fa nr", "tin",
              stems=("steuernummer", "steuernr", "abgabenkonto")),
        telling=r"[0-9]{2}-[0-9]{3}/[0-9]{4}",
    ),
    announced("at-register", "AT", "ZMR|ZMR[ -]?(?:Zahl|Nr|Nummer)|Stammzahl|Melderegisterzahl", groups(4, 4, 4)),
    identifier(
        "ch-ahv",
        "CH",
        THIRTEEN,
        rf"756{GAP}{groups(4, 4, 2)}",
        ahv,
        Words("ahv", "avs", "ahvn13", "navs", "navs13", "ahv nummer", "numéro avs", "numero avs", "oasi",
              "sozialversicherungsnummer", stems=("ahvnummer", "ahvnr", "versichertennummer")),
        certain=r"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}",
        telling=ANY,
    ),
    announced("li-person", "LI", "PEID|PE-ID|Personenidentifikationsnummer", "[0-9]{4,12}"),
)  # fmt: skip
