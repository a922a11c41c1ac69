"""Coordinates: decimal pairs, degrees with letters, degrees and minutes, ``geo:`` URIs (RFC 5870), Open Location Codes.

Two decimal fractions are a place only where a word, a key, the URL of a map or the letters of the compass say so, and only with
enough digits to point at a street rather than a region.
"""

from __future__ import annotations

import re
from typing import Final

from ..context import Words, named
from .location_words import LOCATION_WORDS
from .pattern import Pattern, Verified

_SCORE: Final = 0.9
_SCORE_NAMED: Final = 0.85
_TELLING: Final = re.compile(
    r"(?:/@|[?&#;](?:q|ll|sll|cbll|daddr|saddr|query|center|destination|origin|mlat|at|loc|pt|map)=(?:loc:)?|/maps/(?:place|search|dir)/"
    r"|#map=[0-9.]{1,5}/|!3d|\bPOINT ?Z? ?\()\Z",
    re.IGNORECASE,
)
"""What stands right before the coordinates in the URL of a map and in well-known text."""
_TELLING_LONGEST: Final = 24
_NUMBER: Final = r"[+-]?[0-9]{1,3}[.,][0-9]{3,15}"
_PAIR: Final = re.compile(
    rf"(?P<first>{_NUMBER})[\xb0\xba]?(?:\s?[,;/|]\s{{0,6}}|\s{{1,3}}|!4d|%2C|&mlon=)(?P<second>{_NUMBER})(?![0-9A-Za-z_]|\.[0-9])"
)
_LIST_BEFORE: Final = re.compile(r"[0-9][,;] ?\Z")
_LIST_AFTER: Final = re.compile(r"\s?[,;]\s?[+-]?[0-9]{1,3}\.[0-9]{3}")


def _decimals(number: str) -> int:
    return len(number.replace(",", ".").partition(".")[2])


def _inside(first: str, second: str) -> bool:
    """Whether two numbers are a latitude and a longitude, in whichever order."""
    a, b = (abs(float(number.replace(",", "."))) for number in (first, second))
    return min(a, b) <= 90 and max(a, b) <= 180


def _pair(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    if start and shadow[start - 1] in "+-":
        start -= 1
    pair = _PAIR.match(shadow, start)
    if pair is None or not _inside(pair["first"], pair["second"]):
        return None
    before = shadow[start - 1 : start]
    if before.isalnum() and not _TELLING.search(shadow, max(0, start - _TELLING_LONGEST), start):
        return None
    stop = pair.end()
    if _TELLING.search(shadow, max(0, start - _TELLING_LONGEST), start):
        return start, stop, _SCORE
    precise = min(_decimals(pair["first"]), _decimals(pair["second"])) >= 3
    precise = precise and max(_decimals(pair["first"]), _decimals(pair["second"])) >= 4
    if not precise or before in ("_", ".", "$", "\xa4") or _LIST_AFTER.match(shadow, stop):
        return None
    if _LIST_BEFORE.search(shadow, max(0, start - 3), start) or not named(shadow, start, stop, LOCATION_WORDS):
        return None
    return start, stop, _SCORE_NAMED


_KEYED: Final = re.compile(_NUMBER + r"(?![0-9A-Za-z_]|[.,][0-9])")
_PARTNERS: Final = {
    "la": re.compile(r"\b(?:geo_?)?(?:lon|lng|long)(?:itud[a-z]*)?[\"']?[\s:=]", re.IGNORECASE),
    "lo": re.compile(r"(?<![A-Za-z])(?:[a-z]+_)?lat(?:itud[a-z]*)?[\"']?[\s:=]", re.IGNORECASE),
}
_KEY: Final = re.compile(r"(la|lo|ln)[a-z]*[\"']?\s{0,2}[:=]\s{0,2}[\"']?\Z", re.IGNORECASE)
_PARTNER_DISTANCE: Final = 80


def _keyed(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """One of the two numbers of ``"lat": 52.5200, "lng": 13.4050``: each is a finding of its own, so that JSON stays JSON."""
    first = end - 1
    while shadow[first - 1] in "0123456789.,+-":
        first -= 1
    number = _KEYED.match(shadow, first)
    key = _KEY.search(shadow, max(0, first - 20), first)
    if number is None or key is None:
        return None
    latitude = key.group(1).lower() == "la"
    if abs(float(number.group().replace(",", "."))) > (90 if latitude else 180):
        return None
    around = _PARTNERS["la" if latitude else "lo"]
    near = around.search(shadow, number.end(), number.end() + _PARTNER_DISTANCE) or around.search(
        shadow, max(0, start - _PARTNER_DISTANCE), start
    )
    return (first, number.end(), _SCORE_NAMED) if near else None


_DEGREE: Final = "[\xb0\xba]"
_MINUTE: Final = "['\xb4`\x1a\x92]"
_SECOND: Final = "(?:[\"\x94\x1a]|''|\x1a\x1a)"
_ANGLE: Final = (
    rf"[0-9]{{1,3}}(?:[.,][0-9]{{2,10}} ?{_DEGREE}?|(?: ?{_DEGREE} ?| )[0-9]{{1,2}}(?:[.,][0-9]{{1,6}})?(?: ?{_MINUTE}"
    rf"(?: ?[0-9]{{1,2}}(?:[.,][0-9]{{1,6}})?(?: ?{_SECOND})?)?)?)"
)
_COMPASS: Final = re.compile(
    rf"(?:(?P<north>{_ANGLE}) ?[NS]\b[ ,;/]{{0,3}}(?P<east>{_ANGLE}) ?[EOW]\b"
    rf"|\b[NS] ?(?P<north_after>{_ANGLE})[ ,;/]{{1,3}}[EOW] ?(?P<east_after>{_ANGLE})(?![0-9A-Za-z]))"
)
_SIGNED: Final = re.compile(rf"-?{_ANGLE}[ ,;/]{{1,3}}-?{_ANGLE}(?![0-9A-Za-z])")
_HALF: Final = re.compile(
    rf"[0-9]{{1,3}} ?{_DEGREE} ?[0-9]{{1,2}}(?:[.,][0-9]{{1,6}})? ?{_MINUTE}"
    rf"(?: ?[0-9]{{1,2}}(?:[.,][0-9]{{1,6}})? ?{_SECOND})? ?[NSEWO]\b"
)


def _compass(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    place = _COMPASS.match(shadow, start)
    if place is None or (start and (shadow[start - 1].isalnum() or shadow[start - 1] in "._")):
        return None
    north, east = (place["north"] or place["north_after"]), (place["east"] or place["east_after"])
    if int(re.split(r"\D", north)[0]) > 90 or int(re.split(r"\D", east)[0]) > 180:
        return None
    return start, place.end(), _SCORE


def _degrees(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    whole = _compass(shadow, start, end, language)
    if whole:
        return whole
    half = _HALF.match(shadow, start)
    if half and not (start and shadow[start - 1].isalnum()):
        return start, half.end(), _SCORE_NAMED
    signed = _SIGNED.match(shadow, start - 1 if shadow[start - 1 : start] == "-" else start)
    if signed and named(shadow, signed.start(), signed.end(), LOCATION_WORDS):
        return signed.start(), signed.end(), _SCORE_NAMED
    return None


_GEO: Final = re.compile(
    r"geo:-?[0-9]{1,2}(?:\.[0-9]+)?,-?[0-9]{1,3}(?:\.[0-9]+)?(?:,-?[0-9.]+)?(?:;[A-Za-z0-9-]+(?:=[A-Za-z0-9.:-]+)?)*(?:\?q=-?[0-9.]+,-?[0-9.]+)?",
    re.IGNORECASE,
)


def _geo(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    uri = _GEO.match(shadow, start)
    return (start, uri.end(), _SCORE) if uri else None


_PLUS: Final = re.compile(r"(?:[2-9CFGHJMPQRVWX]{8}|[2-9CFGHJMPQRVWX]{4,6})\+[2-9CFGHJMPQRVWX]{2,3}(?![0-9A-Za-z_+])")
_PLUS_WORDS: Final = LOCATION_WORDS | Words(
    "plus code", "pluscode", "plus codes", "olc", "open location code", "google maps", "maps", "adresse", "address"
)


def _plus(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    code = _PLUS.match(shadow, start)
    if code is None or (start and shadow[start - 1] in "+/=-."):
        return None
    written = code.group()
    # A full code begins with the latitude's zone, of which there are nine, and the longitude's, of which there are 18.
    full = written.index("+") == 8 and written[0] in "23456789C" and written[1] in "23456789CFGHJMPQRV"
    if full and len(set(written)) > 3 and sum(map(str.isalpha, written)) >= 2:
        return start, code.end(), _SCORE_NAMED
    return (start, code.end(), _SCORE_NAMED) if named(shadow, start, code.end(), _PLUS_WORDS) else None


_WHAT3WORDS: Final = Words("what3words", "w3w") | LOCATION_WORDS
_THREE: Final = re.compile(r"///[a-z\xdf-\xff]{3,20}\.[a-z\xdf-\xff]{3,20}\.[a-z\xdf-\xff]{3,20}(?![0-9A-Za-z_.])")


def _what3words(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    first = shadow.index("///", start, end)
    words = _THREE.match(shadow, first)
    if words is None or not named(shadow, first, words.end(), _WHAT3WORDS):
        return None
    return first, words.end(), _SCORE_NAMED


PATTERNS: Final = (
    Pattern(
        "coordinates",
        "LOCATION",
        r"\b[0-9]{1,3}[.,][0-9]{3,15}[\xb0\xba]?(?:\s?[,;/|]\s{0,6}|\s{1,3}|!4d|%2C|&mlon=)[+-]?[0-9]{1,3}[.,][0-9]{3}",
        _pair,
    ),
    Pattern(
        "coordinates-map",
        "LOCATION",
        r"!3d-?[0-9]{1,2}\.[0-9]{3,15}!4d-?[0-9]{1,3}\.[0-9]{3}",
        lambda shadow, start, end, language: _pair(shadow, start + 3, end, language),
    ),
    Pattern(
        "coordinates-keyed",
        "LOCATION",
        r"(?:^|[^a-z])(?:lat|lon|lng|long)(?:itude?)?[\"']?\s{0,2}[:=]\s{0,2}[\"']?[+-]?[0-9]{1,3}[.,][0-9]{3}",
        _keyed,
        caseless=True,
    ),
    Pattern(
        "coordinates-degrees",
        "LOCATION",
        rf"\b[0-9]{{1,3}} ?{_DEGREE} ?[0-9]{{1,2}}(?:[.,][0-9]{{1,6}})? ?{_MINUTE}",
        _degrees,
        sign=f"{_DEGREE} ?[0-9]",
    ),
    Pattern(
        "coordinates-compass",
        "LOCATION",
        rf"\b[0-9]{{1,3}}[.,][0-9]{{2,10}} ?{_DEGREE}? ?[NS][ ,;/]{{0,3}}[0-9]",
        _compass,
    ),
    Pattern(
        "coordinates-minutes", "LOCATION", r"\b[0-9]{2} [0-5]?[0-9](?:[.,][0-9]{1,6})? ?[NS][ ,;/]{1,3}[0-9]", _compass
    ),
    Pattern(
        "coordinates-letter",
        "LOCATION",
        rf"\b[NS] ?[0-9]{{1,2}}(?:[.,][0-9]{{3}}| ?{_DEGREE} ?[0-9]| [0-9]{{2}}\.[0-9]{{2}})",
        _compass,
    ),
    Pattern("geo-uri", "LOCATION", r"\bgeo:-?[0-9]{1,2}[.,]", _geo, caseless=True),
    Pattern("plus-code", "LOCATION", r"\b[2-9CFGHJMPQRVWX]{4,8}\+[2-9CFGHJMPQRVWX]{2}", _plus),
    Pattern("what3words", "LOCATION", r"(?:^|[^:/])///[a-z\xdf-\xff]{3}", _what3words),
)
