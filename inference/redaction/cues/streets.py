"""Streets and post boxes with their numbers. Read from the numbers outwards: they are rare, and words for streets are many."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..context import notes
from .countries import COUNTRIES, SUFFIXES
from .person import LETTER
from .phrase import Phrases
from .vocabulary import NEVER, bare, longest_first

_ONE: Final = rf"[0-9]{{1,5}}(?: ?[A-Za-z](?![{LETTER}0-9]))?"
NUMBER: Final = rf"(?<![0-9.,{LETTER}])(?:{_ONE})(?: ?[-/+] ?{_ONE}){{0,3}}(?![0-9{LETTER}]|[.,][0-9])"
"""Expression of a house's number: ``12``, ``12a``, ``12-14``, ``12/5``, ``5 A 3``."""
_NUMBERS: Final = re.compile(NUMBER)

AFTER: Final = Phrases("|".join(row.after for row in COUNTRIES if row.after), caseless=True)
"""Words for streets that stand before the number."""
BEFORE_NAME: Final = Phrases("|".join(row.before for row in COUNTRIES if row.before), caseless=True)
"""Words for streets that stand before the street's name."""
LAST: Final = Phrases("|".join(row.last for row in COUNTRIES if row.last))
"""Words for streets that end a street whose number comes first."""
LAST_WORD: Final = rf"(?:{LAST.trigger}|{'|'.join(sorted(SUFFIXES, key=longest_first))})(?![{LETTER}])"
"""Expression of a word that ends a street, rarer ones too."""
_BOXES: Final = Phrases("|".join(row.boxes for row in COUNTRIES if row.boxes), caseless=True)

_ENDINGS: Final = tuple(word for word in AFTER.phrases if len(word) >= 3)
"""Words that also end a compound: "Hauptstraße"."""
_HEAD: Final = 2
"""Letters at least before such an ending."""
_SIDES: Final = frozenset(("N", "S", "E", "W", "NE", "NW", "SE", "SW", "North", "South", "East", "West"))
_TOKEN: Final = re.compile(rf"[{LETTER}0-9'\x1a.\xba\xb0/-]+")
_MARK: Final = re.compile(r"(?:^|[ ,])(?:nr|no|n|num|\xe8|c|bl)[.\xb0\xba]{0,2} ?\Z|[\xb0\xba] ?\Z", re.IGNORECASE)
"""What may stand right before a number: "nr.", "nº", "č."."""
_PAIRS: Final = re.compile(r"(?: [0-9]{1,3}(?![0-9])){0,3}")
_BIS: Final = re.compile(r"(?: (?:bis|ter|quater))?,?")
_UNITS: Final = re.compile(
    r"(?:,? {1,2}(?:bl|sc|ap|et|apt|app|appartamento|appartement|apartment|flat|suite|unit|lok|kv|top|stiege|t\xfcr|piso|piano|"
    r"int|interno|scala|bus|bte|bo\xeete|lgh|d\xf8r|lej|floor|\xe9tage|esc|puerta|"
    r"pta)(?![A-Za-z])\.? ?#?[0-9A-Za-z/-]{1,6}(?![0-9A-Za-z]))*",
    re.IGNORECASE,
)
"""Flats, floors and stairs after a number: "Bl. 84 Sc. 98 Ap. 933", "Apt. 4"."""
_BACK: Final = 64
_ON: Final = 56
_MOST_WORDS: Final = 6
_MOST_NUMBERS: Final = 6
"""Numbers that are looked at in one place, the last ones."""
_LONGEST_PARTICLE: Final = 6


def streets(shadow: str, start: int, end: int, *, first: bool = False) -> Iterator[tuple[int, int]]:
    """Streets and post boxes, as ``(start, end)``, whose numbers are in ``shadow[start:end]``: the last few, or the `first`."""
    numbers = list(_NUMBERS.finditer(shadow, start, end))
    known: dict[int, tuple[int, tuple[int, int] | None]] = notes(shadow, "streets")
    for number in numbers[:1] if first else numbers[-_MOST_NUMBERS:]:
        place, stop = number.span()
        # Many postcodes ask about the same number. One that the `end` cut off is another.
        if known.get(place, (0, None))[0] != stop:
            known[place] = stop, _street(shadow, place, stop)
        street = known[place][1]
        if street is not None:
            yield street


def _street(shadow: str, number: int, end: int) -> tuple[int, int] | None:
    """The street or post box whose number it is."""
    street = _before(shadow, number, end) or _after(shadow, number, end)
    if street is None:
        return None
    units = _UNITS.match(shadow, street[1])
    return street[0], units.end() if units else street[1]


def _before(shadow: str, number: int, end: int) -> tuple[int, int] | None:
    """The street whose number it is, where the number comes last."""
    first = max(0, number - _BACK, shadow.rfind("\n", 0, number) + 1)
    text = shadow[first:number].rstrip(" ,")
    box = _BOXES.before(shadow, first + len(text.rstrip(" ")))
    if box is not None:
        return box, _rest_of_box(shadow, end)
    if end - number >= 5 and shadow[number : number + 5].isdigit():
        return None
    mark = _MARK.search(text + " ")
    if mark is not None:
        text = text[: mark.start()].rstrip(" ,")
    cut = text.rfind(",") + 1
    tokens = [(first + match.start(), match.group()) for match in _TOKEN.finditer(text, cut)]
    if not tokens or len(text) < cut + 3:
        return None
    place, word = tokens[-1]
    lower = word.lower()
    # All of a line or a clause that begins with a capital: "Øresund Parkgade 5", "Ady endre utca 7".
    alone = first + cut > 0 and shadow[first + cut - 1] in "\n," and len(tokens) <= 4 and tokens[0][1][:1].isupper()
    if lower in AFTER.phrases or lower.rstrip(".") in AFTER.phrases:
        begin = tokens[0][0] if alone and len(tokens) > 1 else _names_before(tokens[:-1])
        if begin is not None:
            return begin, end
    elif lower.endswith(_ENDINGS) and len(lower) - max(len(w) for w in _ENDINGS if lower.endswith(w)) >= _HEAD:
        if alone and bare(tokens[0][1]) not in NEVER:
            return tokens[0][0], end
        return tokens[-2][0] if len(tokens) > 1 and _is_adjective(tokens[-2][1]) else place, end
    for back in range(len(tokens) - 2, max(-1, len(tokens) - 2 - _MOST_WORDS), -1):
        place, word = tokens[back]
        if begins_street(word) and any(name[:1].isupper() or name[:1].isdigit() for _, name in tokens[back + 1 :]):
            return place, end
        if word.islower() and len(word) > _LONGEST_PARTICLE:
            break
    return None


_NAME_WORD: Final = rf"(?:[a-z\xdf-\xff'\x1a]{{1,{_LONGEST_PARTICLE}}}|[A-Z\xc0-\xde0-9][{LETTER}0-9'\x1a.-]{{0,30}})"
_NUMBER_NEAR: Final = re.compile(rf" (?:{_NAME_WORD},? {{1,2}}){{1,8}}[^ ]{{0,3}}[0-9]")
_NUMBER_BEFORE: Final = re.compile(r"[0-9][A-Za-z]?,? (?:bis |ter |quater )?\Z")


def may_be_named(shadow: str, end: int) -> bool:
    """Whether a number is where it would be if a word for a street, before its name, ended at `end`. Cheap."""
    if _NUMBER_NEAR.match(shadow, end):
        return True
    begin = BEFORE_NAME.before(shadow, end)
    return begin is not None and _NUMBER_BEFORE.search(shadow, max(0, begin - 12), begin) is not None


def _is_adjective(word: str) -> bool:
    """Whether it may be the first word of "Große Hamburger Straße" or "Alte Landstraße"."""
    return word[:1].isupper() and word.endswith(("e", "er", "en")) and bare(word) not in NEVER


def begins_street(word: str) -> bool:
    """Whether a word stands before the names of streets."""
    lower = word.lower()
    return lower in BEFORE_NAME.phrases or lower.rstrip(".") in BEFORE_NAME.phrases


def _names_before(tokens: list[tuple[int, str]]) -> int | None:
    """Where the capitalised words begin that end the `tokens`: the street's name."""
    begin = None
    for place, word in reversed(tokens[-4:]):
        if not word[:1].isupper() or bare(word) in NEVER:
            break
        begin = place
    return begin


def _rest_of_box(shadow: str, end: int) -> int:
    """Post boxes have their digits in pairs: "Postfach 12 34 56"."""
    rest = _PAIRS.match(shadow, end)
    return rest.end() if rest else end


def _after(shadow: str, number: int, end: int) -> tuple[int, int] | None:
    """The street whose number it is, where the number comes first."""
    stop = shadow.find("\n", end, end + _ON)
    stop = min(len(shadow), end + _ON) if stop < 0 else stop
    gap = _BIS.match(shadow, end)
    begin = gap.end() if gap else end
    comma = shadow.find(",", begin, stop)
    tokens = [(match.end(), match.group()) for match in _TOKEN.finditer(shadow, begin, stop if comma < 0 else comma)]
    if len(tokens) < 2:
        return None
    if begins_street(tokens[0][1]):
        finish = None
        for place, word in tokens[1 : _MOST_WORDS + 1]:
            if word[0].isdigit():
                break
            if word[0].isupper():
                finish = place
        return None if finish is None else (number, finish)
    for count, (place, word) in enumerate(tokens[:_MOST_WORDS]):
        if count and (word in LAST.phrases or word.rstrip(".") in LAST.phrases or word in SUFFIXES):
            if count + 1 < len(tokens) and tokens[count + 1][1] in _SIDES:
                place = tokens[count + 1][0]
            return number, place
        if not word[0].isupper() and not word[0].isdigit():
            return None
    return None
