"""Coordinates in decimals: pairs, keys, URLs of maps, ``geo:`` URIs (RFC 5870), ISO 6709 strings; Open Location Codes, what3words.

Two decimal fractions are a place where a word, a key or the URL of a map says so, or where they are written as maps give them to be
copied, ``52.52001, 13.40495``; and only with enough digits to point at a street rather than a region. Degrees and minutes are in
`location_degrees`, grids in `location_grid`.
"""

from __future__ import annotations

import re
from typing import Final

from ..context import Words, named
from .location_words import LOCATION_WORDS
from .pattern import Pattern, Verified

_SCORE: Final = 0.9
_SCORE_NAMED: Final = 0.85
_SCORE_ALONE: Final = 0.7
_TELLING: Final = re.compile(
    r"(?:/@|[?&#;](?:q|ll|sll|cbll|daddr|saddr|query|center|destination|origin|mlat|at|loc|pt|map|cp|x|pos|latlng|coords|viewpoint|route)="
    r"(?:loc:)?|[?&]to=ll\.|/maps/(?:place|search|dir)/|\.here\.com/l/|#map=[0-9.]{1,5}/|!3d)\Z",
    re.IGNORECASE,
)
"""What stands right before the coordinates in the URL of a map."""
_WELL_KNOWN: Final = re.compile(r"\bPOINT ?Z? ?\(\Z", re.IGNORECASE)
"""And in well-known text, which has a space between them: ``Point(1.5, 2.5)`` is any point."""
_TELLING_LONGEST: Final = 24
_NUMBER: Final = r"[+-]?[0-9]{1,3}[.,][0-9]{3,15}"
_PAIR: Final = re.compile(
    rf"(?P<first>{_NUMBER})[\xb0\xba]?(?P<between>\s?[,;/|]\s{{0,6}}|\s{{1,3}}|!4d|%2C|~|&(?:m?lon|lng|y)=)(?P<second>{_NUMBER})(?![0-9A-Za-z_]|\.[0-9])"
)
_LIST_BEFORE: Final = re.compile(r"[0-9][,;] ?\Z")
_LIST_AFTER: Final = re.compile(r"\s?[,;]\s?[+-]?[0-9]{1,3}\.[0-9]{3}")
_COPIED: Final = re.compile(r"[+-]?[1-8][0-9]\.(?P<first>[0-9]{5,8}), ?-?[0-9]{1,3}\.(?P<second>[0-9]{5,8})(?![0-9])")
"""As maps give them: latitude first, five to eight decimals (0.1 m is the seventh), a comma."""
_COPIED_BEFORE: Final = frozenset(("", " ", "\n", "\t", '"', "'", "(", ">", ":", "|"))
_CODE_BEFORE: Final = re.compile(r"(?:= ?\(?|[0-9A-Za-z_]\()\Z")
"""An assignment or a call."""
_MORE_BEFORE: Final = re.compile(r"[0-9.]\s*[,;]\s*\Z")
_MORE_AFTER: Final = re.compile(r"\s*[,;]\s*[+-]?[0-9]{1,4}\.(?![0-9]{1,2}\.)")
"""Another number of a list; not a date."""
_QUANTITY_AFTER: Final = re.compile(
    r" ?(?:[]}%\xb0\xb1\xa4$*/^=]|(?:[mck]?m|k?g|m?s|eur|usd|k?hz|px|k?w|v|a|k|ev|pt|deg|rad)\b)", re.IGNORECASE
)
_QUANTITIES: Final = Words(
    "ci", "interval", "mean", "median", "std", "sd", "sigma", "range", "between", "values", "ratio", "loss", "weights", "bounds",
    "tensor", "array", "vector", "matrix", "mittelwert", "intervall", "zwischen", "entre", "moyenne", "media", "valores", "werte",
)  # fmt: skip
"""Words that make two fractions quantities."""


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
    if before == "(" and pair["between"].isspace() and _WELL_KNOWN.search(shadow, max(0, start - 8), start):
        return start, stop, _SCORE
    precise = min(_decimals(pair["first"]), _decimals(pair["second"])) >= 3
    precise = precise and max(_decimals(pair["first"]), _decimals(pair["second"])) >= 4
    if not precise or before in ("_", ".", "$", "\xa4") or _LIST_AFTER.match(shadow, stop):
        return None
    if _LIST_BEFORE.search(shadow, max(0, start - 3), start):
        return None
    if named(shadow, start, stop, LOCATION_WORDS):
        return start, stop, _SCORE_NAMED
    return (start, stop, _SCORE_ALONE) if _is_copied(shadow, start, stop) else None


def _is_copied(shadow: str, start: int, end: int) -> bool:
    """Whether the pair is written as maps write one, and not in code or as quantities."""
    pair = _COPIED.fullmatch(shadow, start, end)
    if pair is None or abs(len(pair["first"]) - len(pair["second"])) > 1:
        return False
    if shadow[start - 1 : start] not in _COPIED_BEFORE:
        return False
    if _CODE_BEFORE.search(shadow, max(0, start - 3), start) or _MORE_AFTER.match(shadow, end):
        return False
    if _MORE_BEFORE.search(shadow, max(0, start - 16), start):
        return False
    return _QUANTITY_AFTER.match(shadow, end) is None and not named(shadow, start, end, _QUANTITIES)


_KEYED: Final = re.compile(_NUMBER + r"(?![0-9A-Za-z_]|[.,][0-9])")
_LATITUDE: Final = (
    r"(?:lat(?:itud[a-z]{0,4})?|breitengrad|bredd?e?grad|leveysaste|szeroko[a-z]{2,3}(?: geo[a-z.]{0,10})?)"
)
_LONGITUDE: Final = (
    r"(?:lo?ng?(?:itud[a-z]{0,4})?|l[\xe4\xe6e]ng[den]{1,3}grad|pituusaste|dlugo[a-z]{2,3}(?: geo[a-z.]{0,10})?)"
)
_PARTNERS: Final = {
    True: re.compile(rf"(?<![A-Za-z])(?:[a-z]+_)?{_LONGITUDE}[\"']?[\s:=]", re.IGNORECASE),
    False: re.compile(rf"(?<![A-Za-z])(?:[a-z]+_)?{_LATITUDE}[\"']?[\s:=]", re.IGNORECASE),
}
"""What names the other number, by whether one's own is the latitude."""
_KEY: Final = re.compile(
    rf"(?:(?P<latitude>{_LATITUDE})|{_LONGITUDE})[\"']?\s{{0,2}}[:=]\s{{0,2}}[\"']?\Z", re.IGNORECASE
)
_KEY_LONGEST: Final = 36
_PARTNER_DISTANCE: Final = 80


def _keyed(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """One of the two numbers of ``"lat": 52.5200, "lng": 13.4050``: each is a finding of its own, so that JSON stays JSON."""
    first = end - 1
    while shadow[first - 1] in "0123456789.,+-":
        first -= 1
    number = _KEYED.match(shadow, first)
    key = _KEY.search(shadow, max(0, first - _KEY_LONGEST), first)
    if number is None or key is None:
        return None
    latitude = key["latitude"] is not None
    if abs(float(number.group().replace(",", "."))) > (90 if latitude else 180):
        return None
    around = _PARTNERS[latitude]
    near = around.search(shadow, number.end(), number.end() + _PARTNER_DISTANCE) or around.search(
        shadow, max(0, key.start() - _PARTNER_DISTANCE), key.start()
    )
    return (first, number.end(), _SCORE_NAMED) if near else None


_GEO: Final = re.compile(
    r"geo:-?[0-9]{1,2}(?:\.[0-9]+)?,-?[0-9]{1,3}(?:\.[0-9]+)?(?:,-?[0-9.]+)?(?:;[A-Za-z0-9-]+(?:=[A-Za-z0-9.:-]+)?)*(?:\?q=-?[0-9.]+,-?[0-9.]+)?",
    re.IGNORECASE,
)


def _geo(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    uri = _GEO.match(shadow, start)
    return (start, uri.end(), _SCORE) if uri else None


_ISO_6709: Final = re.compile(
    r"[+-](?P<latitude>[0-9]{2}|[0-9]{4}|[0-9]{6})(?P<fraction>\.[0-9]{1,10})?[+-](?P<longitude>[0-9]{3}|[0-9]{5}|[0-9]{7})(?:\.[0-9]{1,10})?"
    r"(?:[+-][0-9]{1,5}(?:\.[0-9]{1,4})?)?(?:CRS[0-9A-Za-z_:]{1,16})?/"
)
"""Degrees, with minutes and seconds if there are more digits, an altitude, a reference system, and the slash that ends it."""


def _iso_6709(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    place = _ISO_6709.match(shadow, start)
    if place is None or (start and (shadow[start - 1].isalnum() or shadow[start - 1] in "+-./_")):
        return None
    latitude, longitude = place["latitude"], place["longitude"]
    if int(latitude[:2]) > 90 or int(longitude[:3]) > 180 or len(longitude) != len(latitude) + 1:
        return None
    precise = len(latitude) == 6 or len(place["fraction"] or "") > 3
    return (start, place.end(), _SCORE) if precise else None


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
        r"\b[0-9]{1,3}[.,][0-9]{3,15}[\xb0\xba]?(?:\s?[,;/|]\s{0,6}|\s{1,3}|!4d|%2C|~|&(?:m?lon|lng|y)=)[+-]?[0-9]{1,3}[.,][0-9]{3}",
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
        r"(?:lat|lon|lng|long|itud[a-z]{0,4}|grad|aste|osc|geo[a-z.]{0,9})[\"']?\s{0,2}[:=]\s{0,2}[\"']?[+-]?[0-9]{1,3}[.,][0-9]{3}",
        _keyed,
        caseless=True,
    ),
    Pattern(
        "iso-6709", "LOCATION", r"[+-][0-9]{2,6}(?:\.[0-9]{1,10})?[+-][0-9]{3,7}(?:\.[0-9]{1,10})?[/+C-]", _iso_6709
    ),
    Pattern("geo-uri", "LOCATION", r"\bgeo:-?[0-9]{1,2}[.,]", _geo, caseless=True),
    Pattern("plus-code", "LOCATION", r"\b[2-9CFGHJMPQRVWX]{4,8}\+[2-9CFGHJMPQRVWX]{2}", _plus),
    Pattern("what3words", "LOCATION", r"(?:^|[^:/])///[a-z\xdf-\xff]{3}", _what3words),
)
