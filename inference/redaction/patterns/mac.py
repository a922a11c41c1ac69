"""Hardware addresses: MAC-48 and EUI-64 (IEEE 802) with colons, dashes or dots, and bare after a word such as "MAC".

Neither the broadcast address nor all zeros: they identify nobody.
"""

from __future__ import annotations

import re
from typing import Final

from ..context import Words, named
from .pattern import Pattern, Verified

_SCORE: Final = 0.95
_SCORE_NAMED: Final = 0.85
_PAIRS: Final = re.compile(
    r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}\1[0-9A-Fa-f]{2})?"
)
_FOURS: Final = re.compile(r"(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4})?")
_CUED: Final = re.compile(r"[0-9A-Fa-f]{2}(?:[ :.-]?[0-9A-Fa-f]{2}){5}(?:(?:[ :.-]?[0-9A-Fa-f]{2}){2})?(?![0-9A-Za-z])")
_WORDS: Final = Words(
    *("mac", "bssid", "eui", "eui 64", "ethernet", "wlan", "wifi", "wi fi", "bluetooth", "arp", "hwaddr", "hwaddress"),
    *("lladdr", "ether", "physical address", "physikalische adresse", "adresse physique", "dirección física", "nic"),
    stems=("macadd", "macaddr", "hardwareadd", "hardware add", "netzwerkkart"),
)
_SEPARATORS: Final = {ord(separator): None for separator in " :.-"}


def _alone(shadow: str, start: int, end: int) -> bool:
    """Whether ``shadow[start:end]`` is not the inside of a longer row: a fingerprint, a hash, an identifier."""
    if start and (shadow[start - 1].isalnum() or shadow[start - 1] in "_:.-"):
        return shadow[start - 1] in ":.-" and not shadow[start - 2 : start - 1].isalnum()
    after = shadow[end : end + 2]
    return not (after[:1].isalnum() or after[:1] == "_" or (after[:1] in (":", ".", "-") and after[1:].isalnum()))


def _somebodys(written: str) -> bool:
    return len(set(written.translate(_SEPARATORS).lower())) > 1


def _pairs(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    address = _PAIRS.match(shadow, start)
    if address is None or not _alone(shadow, start, address.end()) or not _somebodys(address.group()):
        return None
    stop = address.end()
    if address.group(1) == ":" or any(map(str.isalpha, address.group())):
        return start, stop, _SCORE
    return (start, stop, _SCORE_NAMED) if named(shadow, start, stop, _WORDS) else None


def _fours(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    address = _FOURS.match(shadow, start)
    if address is None or not _alone(shadow, start, address.end()) or not _somebodys(address.group()):
        return None
    stop = address.end()
    letters = {letter for letter in address.group() if letter.isalpha()}
    # Routers print them in small letters; in capitals they could be the weights of a collation or code points.
    if letters and all(map(str.islower, letters)) and shadow[start - 1 : start] not in (".", "*"):
        return start, stop, _SCORE
    return (start, stop, _SCORE_NAMED) if named(shadow, start, stop, _WORDS) else None


def _cued(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    place = end - 4 if shadow[end - 3].isalnum() else end - 5
    address = _CUED.match(shadow, place)
    if address is None or not _somebodys(address.group()):
        return None
    return place, address.end(), _SCORE_NAMED


PATTERNS: Final = (
    Pattern("mac", "MAC", r"\b[0-9A-Fa-f]{2}[:-](?:[0-9A-Fa-f]{2}[:-]){4}[0-9A-Fa-f]{2}\b", _pairs),
    Pattern("mac-dotted", "MAC", r"\b(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}\b", _fours),
    Pattern(
        "mac-cued",
        "MAC",
        r"\b(?:mac|bssid|eui-?64|hwaddr)(?:[ _-]?(?:id|addr|adr)[a-z]{0,6})?[\"']?(?: is| ist)?[ :=]{1,3}[\"']?"
        r"[0-9a-f]{2}[ :.-]?[0-9a-f]{2}",
        _cued,
        caseless=True,
    ),
)
