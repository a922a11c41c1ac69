"""IP addresses in the forms that are not for people: names of the reverse DNS, defanged, hexadecimal, octal, one whole number.

``0300.0250.1.1`` and ``3232235777`` are addresses to `inet_aton` and numbers to everybody else, so they count only where the
text says that they are addresses, or in the place of the host of a URL.
"""

from __future__ import annotations

import re
from typing import Final

from ..context import Words, named
from .ip import prefixed
from .pattern import Pattern, Verified, Verify

_SCORE: Final = 0.9
_SCORE_NAMED: Final = 0.85
_WORDS: Final = Words(
    *("ip", "ipv4", "host", "inet", "ipaddr", "ip addr", "remote addr", "server ip", "gateway", "dns"),
    stems=("ipadd", "ipadr", "ip add", "ip adr"),
)
_DOT: Final = r"(?:\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)|\\\.)"
_OCTET: Final = "([0-9]{1,3})"
_DEFANGED: Final = re.compile(
    rf"{_OCTET}(?:{_DOT}|\.){_OCTET}(?:{_DOT}|\.){_OCTET}(?:{_DOT}|\.){_OCTET}(?![0-9A-Za-z])"
)
_DASHED: Final = re.compile(rf"ip-{_OCTET}-{_OCTET}-{_OCTET}-{_OCTET}(?![0-9A-Za-z-])")
_REVERSED: Final = re.compile(rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}\.in-addr\.arpa", re.IGNORECASE)
_NIBBLES: Final = re.compile(r"(?<![0-9A-Za-z.])(?:[0-9a-f]\.){32}ip6\.arpa", re.IGNORECASE)
_NIBBLES_LENGTH: Final = 72
_NUMBER: Final = "(?:0x[0-9A-Fa-f]{1,8}|[0-9]{1,10})"
_NUMBERS: Final = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{0,3}}(?![0-9A-Za-z_]|\.[0-9A-Za-z])")
_SMALLEST: Final = 0x01000000
_LARGEST: Final = 0xFEFFFFFF


def _dotted(form: re.Pattern[str], *, reverse: bool = False) -> Verify:
    """Verifies four decimal groups between whatever stands between them."""

    def verify(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
        address = form.match(shadow, start)
        if address is None or (start and (shadow[start - 1].isalnum() or shadow[start - 1] in "._-")):
            return None
        octets = [int(group) for group in address.groups()]
        if max(octets) > 255 or (octets[-1] if reverse else octets[0]) in (0, 127, 255):
            return None
        return start, prefixed(shadow, address.end(), 32), _SCORE

    return verify


def _nibbles(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    name = _NIBBLES.search(shadow, max(0, end - _NIBBLES_LENGTH), end)
    return (name.start(), end, _SCORE) if name else None


def _value(written: str) -> int | None:
    """The 32 bits that ``inet_aton`` reads in one to four numbers, each decimal, octal (0…) or hexadecimal (0x…)."""
    parts = []
    for part in written.split("."):
        hexadecimal, octal = part[:2] in ("0x", "0X"), part[0] == "0" and len(part) > 1
        if octal and not hexadecimal and not set(part) <= set("01234567"):
            return None
        parts.append(int(part, 16 if hexadecimal else 8 if octal else 10))
    *heads, last = parts
    if any(head > 255 for head in heads) or last >= 1 << 8 * (4 - len(heads)):
        return None
    return sum(head << 8 * (3 - place) for place, head in enumerate(heads)) + last


def _numbers(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    first = end - 1
    while first > start and (shadow[first - 1].isalnum() or shadow[first - 1] == "."):
        first -= 1
    address = _NUMBERS.match(shadow, first)
    value = _value(address.group()) if address else None
    if address is None or value is None or not _SMALLEST <= value <= _LARGEST or value >> 24 == 127:
        return None
    return first, address.end(), _SCORE_NAMED


def _named(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    if start and (shadow[start - 1].isalnum() or shadow[start - 1] in "._-"):
        return None
    address = _numbers(shadow, start, end, language)
    # Four hexadecimal octets can hardly be anything else; four octal ones could be a section or a date.
    if address and (shadow[start + 1] == "x" or named(shadow, start, address[1], _WORDS)):
        return address
    return None


PATTERNS: Final = (
    Pattern("ip-defanged", "IP", rf"\b[0-9]{{1,3}}{_DOT}[0-9]{{1,3}}(?:{_DOT}|\.)[0-9]", _dotted(_DEFANGED)),
    Pattern("ip-dashed", "IP", r"\bip-[0-9]{1,3}-[0-9]{1,3}-[0-9]", _dotted(_DASHED)),
    Pattern(
        "ip-reversed", "IP", r"\b(?:[0-9]{1,3}\.){4}in-addr\.arpa", _dotted(_REVERSED, reverse=True), caseless=True
    ),
    Pattern("ip6-reversed", "IP", r"\.[0-9a-f]\.ip6\.arpa", _nibbles, caseless=True, start_known=False),
    Pattern("ip-host", "IP", r"://(?:0x[0-9a-f]{1,2}|0[0-7]{1,4}\.[0-9]|[0-9]{9})", _numbers, caseless=True),
    Pattern(
        "ip-cued",
        "IP",
        r"\bip(?:v4)?(?:[ _-]?addr[a-z]{0,4})?[\"']?(?: is| ist)?[ :=]{1,3}[\"']?(?:0x[0-9a-f]{8}|[0-9]{9,10})\b",
        _numbers,
        caseless=True,
    ),
    Pattern("ip-hexadecimal", "IP", r"\b0x[0-9A-Fa-f]{1,2}\.0x[0-9A-Fa-f]{1,2}\.", _named),
    Pattern("ip-octal", "IP", r"\b0[0-7]{1,3}\.0[0-7]{1,3}\.[0-7]{1,4}\.[0-7]{1,4}\b", _named),
)
