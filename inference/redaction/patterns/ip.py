"""IPv4 and IPv6 addresses (RFC 4291 text forms), without those that identify nobody: unspecified, loopback, netmasks.

A zone (``fe80::1%eth0``) and a prefix length (``/64``) belong to the address; brackets and a port do not. Addresses written
otherwise (reversed for the DNS, defanged, hexadecimal, octal, as one number) are in `ip_forms`.
"""

from __future__ import annotations

import re
from typing import Final

from .pattern import Pattern, Verified

_SCORE: Final = 0.9
_VERSION_BEFORE: Final = re.compile(
    r"(?:\b(?:v|ver|sw|fw|rev)\.?|vers[a-z\xdf-\xff]{0,6}|wersj[aieio]|verz[ijei][aeo\xf3]?|versz?i[oó]n?|utg[aå]ve|\xfatg\xe1fa|ekdosh[s]?"
    r"|leagan|release|build|patch|firmware|sections?|chapter|spec|abschnitt|kapitel|[A-Za-z]/|[~^=<>]=|\brevision)"
    r"(?: ?(?:no|nr|number|nummer|numer|num\xe9ro|n)\b\.?)?[\"']?[ \t]?[:=(]?[ \t]?[\"'=]?\Z",
    re.IGNORECASE,
)
"""What stands before a four-part version number, the name of a field with it: ``"version": "1.2.3.4"``. ``Chrome/1.2.3.4`` is one,
``//1.2.3.4`` is an address."""
_VERSION_LONGEST: Final = 28
_PREFIX_LENGTH: Final = re.compile(r"/([0-9]{1,3})(?![0-9A-Za-z_/.-])")
_ZONE: Final = re.compile(r"%(?:25)?[A-Za-z0-9][A-Za-z0-9._~-]{0,15}(?<![.-])")
_HEX_OR_COLON: Final = "0123456789abcdefABCDEF:"
_V6_RUN: Final = re.compile(r"[0-9A-Fa-f:]{2,39}(?:\.[0-9]{1,3}){0,3}")
_GROUPS: Final = r":[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:"


def _v4_octets(address: str) -> tuple[int, ...] | None:
    parts = address.split(".")
    if not all(part.isdecimal() for part in parts):
        return None
    octets = tuple(map(int, parts))
    plain = all(octet < 256 and (part[0] != "0" or part == "0") for octet, part in zip(octets, parts, strict=True))
    return octets if plain else None


def _verify_v4(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    octets = _v4_octets(shadow[start:end])
    if octets is None or octets[0] in (0, 127, 255):
        return None
    if start and (shadow[start - 1].isalnum() or shadow[start - 1] in "._-"):
        return None
    after = shadow[end : end + 2]
    if after[:1].isalnum() or (after[:1] in (".", "-") and after[1:].isalnum()):
        return None
    if _VERSION_BEFORE.search(shadow, max(0, start - _VERSION_LONGEST), start):
        return None
    return start, prefixed(shadow, end, 32), _SCORE


def prefixed(shadow: str, end: int, most: int) -> int:
    """Where the prefix length (``/24``) that follows an address ends; `end` where there is none."""
    length = _PREFIX_LENGTH.match(shadow, end)
    return length.end() if length and int(length.group(1)) <= most else end


def _verify_v6(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    if shadow[start] not in _HEX_OR_COLON:
        start += 1  # the character before, which the trigger looked at
    run = _V6_RUN.match(shadow, start)
    if run is None or (start and (shadow[start - 1].isalnum() or shadow[start - 1] in "_:.")):
        return None
    written = run.group()
    stop = run.end()
    if written.endswith(":") and not written.endswith("::"):
        written, stop = written[:-1], stop - 1
    if shadow[stop : stop + 1].isalnum() or shadow[stop : stop + 1] == "_" or not _is_v6(written):
        return None
    zone = _ZONE.match(shadow, stop)
    return start, prefixed(shadow, zone.end() if zone else stop, 128), _SCORE


def _is_v6(written: str) -> bool:
    head, compressed, tail = written.partition("::")
    groups = [group for part in (head, tail) if part for group in part.split(":")]
    places = len(groups)
    if groups and "." in groups[-1]:
        if groups[-1].count(".") != 3 or _v4_octets(groups.pop()) is None:
            return False
        places += 1
    if any(not 1 <= len(group) <= 4 for group in groups):
        return False
    if not compressed:
        return places == 8
    # Slices (a[1::2]) and scopes (face::add) look like short addresses; the real ones start with a long group or say more.
    telling = len(groups) >= 4 or places > len(groups) or (bool(groups) and len(groups[0]) >= 3)
    return places < 8 and telling and any(character.isdigit() for character in written)


PATTERNS: Final = (
    Pattern("ipv4", "IP", r"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\b", _verify_v4),
    Pattern("ipv6", "IP", r"\b(?:[0-9A-Fa-f]{1,4}:){6}[0-9A-Fa-f]{1,4}[:.]", _verify_v6, sign=_GROUPS),
    Pattern("ipv6-compressed", "IP", r"\b[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6}::", _verify_v6),
    Pattern("ipv6-leading", "IP", r"(?:^|[^0-9A-Za-z_:])::[0-9A-Fa-f]{1,4}", _verify_v6),
)
