"""Vehicle identification numbers (ISO 3779): check digit where the maker writes one, else the maker's code and a word nearby."""

from __future__ import annotations

import re
from typing import Final

from ..context import called
from ..finding import VERIFIED
from ..masks import bare, free
from ..words.vehicle import CHASSIS
from .pattern import Pattern, Verified

_CHARACTER: Final = "[A-HJ-NPR-Z0-9]"
_FORM: Final = re.compile(rf"{_CHARACTER}{{13}}[0-9]{{4}}(?![A-Za-z0-9])")
_VALUES: Final = dict(
    zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", [*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)], strict=True)
)
_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_CODES: Final = """
    WBA WBS WBX WBY WB1 WB3 WDB WDC WDD WDF W1K W1N W1V W1T W1H WMX WVW WV1 WV2 WV3 WVG WAU WA1 WUA WP0 WP1 WME WMW
    WMA WF0 W0L W0V W0S VF1 VF2 VF3 VF4 VF6 VF7 VF8 VF9 VFA VG5 VGA VR1 VR3 VR7 VRE VXE VXK VXF VNK VNE VNV VSS VSK
    VS5 VS6 VS7 VSX VSE VWV VJ1 TMB TMA TMP TMK TMT TMC TRU TSM TSB TYA SUF SUL SUD SUP SUU SAL SAJ SAD SAR SAX SAT
    SB1 SBM SCA SCB SCC SCE SCF SDB SED SFA SFD SFZ SHH SHS SJN SMT ZFA ZFF ZAR ZLA ZCF ZAM ZD4 ZDC ZDM ZHW ZAP ZGU
    ZFC ZAC ZN6 ZKH YV1 YV2 YV3 YV4 YS2 YS3 YS4 YK1 YSR LPS XLR XL9 XLE XLB XLK XTA XTT XTH XW8 XP7 UU1 UU2 UU3 UU6
    UU7 U5Y U6Y UZT NMT NM0 NLH NM4 NMB NLA NLE NLR LRW LSJ LGX LVS LFV LBV LSV LB3 LVY LYV L6T LVV LNB HJR JTD JTE
    JTH JTJ JTK JTL JTM JTN JTP JT1 JT2 JT3 JT4 JHM JHL JHG JH4 JN1 JN6 JN8 JM1 JM3 JM6 JM7 JMB JMZ JA3 JA4 JAA JF1
    JF2 JS1 JS2 JS3 JSA JYA JKA JKB KNA KNC KND KNE KNM KMH KM8 KMT KL1 KL3 KLA KLY KPA KPT MAL MAT MBH MMB MMC MNT
    MPA AHT 5YJ 7SA
"""
_MAKERS: Final = frozenset(_CODES.split())
"""World manufacturer identifiers (SAE) of what is registered in Europe."""
_AMERICAN: Final = "12345"
"""First characters of makers in the United States, Canada and Mexico, where the check digit is the law (49 CFR 565.15)."""


def check_digit(number: str) -> bool:
    """Position 9 of the 17 (49 CFR 565.15): values by weights, modulo 11, ten is X."""
    rest = sum(_VALUES[character] * weight for character, weight in zip(number, _WEIGHTS, strict=True)) % 11
    return number[8] == ("X" if rest == 10 else str(rest))


def _vin(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    value = _FORM.match(shadow, start)
    if value is None or not free(shadow, start):
        return None
    number = value.group()
    if sum(map(str.isalpha, number)) < 2:
        return None
    maker = number[:3] in _MAKERS
    checked = check_digit(number)
    if (checked and (maker or number[0] in _AMERICAN)) or (maker and number[3:6] == "ZZZ"):
        return start, value.end(), VERIFIED if checked else 0.85
    if not (maker or checked or number[0] in _AMERICAN) or not called(shadow, start, value.end(), CHASSIS):
        return None
    return start, value.end(), 0.9 if checked else 0.8


_SPACED: Final = re.compile(
    rf"{_CHARACTER}(?:[ .-]?{_CHARACTER}){{12}}(?:[ .-]?[0-9]){{4}}(?![A-Za-z0-9])", re.IGNORECASE
)


def _cued(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """What follows a word for it may be written in groups and in lower case."""
    value = _SPACED.search(shadow, start, min(end + 24, len(shadow)))
    while value is not None and shadow[value.start() - 1].isalnum():
        value = _SPACED.search(shadow, value.start() + 1, min(end + 24, len(shadow)))
    if value is None:
        return None
    number = bare(value.group()).upper()
    if sum(map(str.isalpha, number)) < 2 or not (
        number[:3] in _MAKERS or number[0] in _AMERICAN or check_digit(number)
    ):
        return None
    return value.start(), value.end(), 0.9 if check_digit(number) else 0.8


_CUES: Final = "vin|fin|chassis|chassi|ch[âÂ]ssis|fahrgestell(?:nummer|nr)?|bastidor|telaio|nadwozia|alv[áÁ]zsz[áÁ]m"
PATTERNS: Final = (
    Pattern("vin", "VEHICLE", rf"\b{_CHARACTER}{{13}}[0-9]{{4}}\b", _vin),
    Pattern(
        "vin-cued",
        "VEHICLE",
        rf"\b(?:{_CUES})(?: ?(?:no|nr|number|n)\.?)?[ :=#\"'.]{{1,4}}{_CHARACTER}(?:[ .-]?{_CHARACTER}){{10}}",
        _cued,
        caseless=True,
    ),
)
