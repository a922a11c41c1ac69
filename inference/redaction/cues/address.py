"""Addresses by their parts: a street with its number or a post box, and a postcode with its town, near one another.

Neither part alone is an address: "12 High Street" may be a film, "1010 Wien" a football result. Without a postcode, a street
counts when a town follows it or when words such as "wohnhaft" or "address:" come before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..context import BEFORE
from ..patterns import Pattern, Verified
from .address_words import LIVES, NO_STREET, NO_TOWN, STREET_BEGINS
from .countries import COUNTRIES, COUNTRY_NAMES
from .person import LETTER, UPPER
from .streets import AFTER, BEFORE_NAME, LAST, LAST_WORD, NUMBER, begins_street, may_be_named, streets
from .vocabulary import NEVER, bare, fold

_BEHIND: Final = 160
"""Characters before a postcode in which its street may begin."""
_AHEAD: Final = 56
_BETWEEN: Final = 64
"""Characters between the two parts: a floor, a village, a department."""


_FIRST_CODES: Final = "|".join(dict.fromkeys(country.postcode for country in COUNTRIES if country.postcode))
_LAST_CODES: Final = "|".join(dict.fromkeys(country.postcode_last for country in COUNTRIES if country.postcode_last))

_CAPITAL: Final = rf"[{UPPER}][{LETTER}'\x1a.-]{{0,30}}"
_WORD: Final = rf"[{LETTER}0-9][{LETTER}0-9'\x1a.-]{{0,30}}"
_BARE_STREET: Final = re.compile(rf"(?<![{LETTER}0-9_/.-]){_CAPITAL}(?: {_WORD}){{0,3}} {NUMBER}\Z")
"""A street without a word for it ("Am Markt 5", "Dlouhá 12"): counts only right before the postcode."""
_GLUE: Final = re.compile(r"[ \t]*[,;-]?[ \t]*(?:\r?\n[ \t>*]*)?")
_SEGMENTS: Final = re.compile(r"[,;\n]")
_LINKS: Final = (
    "am|an|der|dem|den|im|in|ob|bei|sur|sous|la|le|les|de|del|della|di|do|da|dos|en|aan|nad|pod|v|na|y|"
    "vorm|vor|u|pri|przy|sul|op|bij|upon|on|under"
)
_CAPITAL_LINKS: Final = (
    "Di|Del|Della|Dello|Dei|Degli|Delle|Sul|Sulla|Al|Alla|In|Nel|Nella|Con|De|La|Las|Los|Le|Les|Do|Da|Dos|Am|An|Der"
)
_TOWN: Final = re.compile(
    rf"{_CAPITAL}(?:[ /-](?:(?:{_LINKS}|{_CAPITAL_LINKS}) ){{0,2}}{_CAPITAL}){{0,2}}"
    r"(?: (?:mesto|vas|gora|polje))?(?: [0-9]{1,2}(?![0-9]))?"
    r"(?: (?i:cedex)(?: [0-9]{1,2})?)?(?: \([A-Z]{2}\)| [A-Z]{2}(?![A-Za-z]))?"
)
"""Up to three words and a district: "Frankfurt am Main", "Praha 1", "Lyon Cedex 01", "Milano (MI)"."""
_TO_TOWN: Final = r"(?:,? {1,2}|,?\r?\n *)"
_FIRST: Final = re.compile(rf"(?<![0-9{LETTER}.,/+-])(?:{_FIRST_CODES}){_TO_TOWN}")
_GROUPS_BEFORE: Final = re.compile(r"[0-9]{2,4}[ .-][0-9]{2,4}[ .-]\Z")
"""What makes a postcode the last group of a longer number."""
_LAST_FORM: Final = re.compile(rf"(?:{_LAST_CODES})(?![0-9{LETTER}])")
_COUNTRY: Final = re.compile(
    rf"[ \t]*,?[ \t]*(?:\r?\n[ \t>]*)?(?:{'|'.join(map(re.escape, fold(COUNTRY_NAMES)))})(?![{LETTER}])"
)
_LABEL: Final = re.compile(
    r"(?i:street(?:[ _]?(?:address|name|1))?|stra(?:ss|\xdf)e|rue|calle|via|rua|ulica|straat|gata|utca|line[ _]?1)"
    r"[\"']? ?[:=] ?[\"']?\Z"
)
"""A field's name, right before a street."""


def _verify_first(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """A postcode and then its town."""
    code = _first_code(shadow, end - 1)
    if code is None or _GROUPS_BEFORE.search(shadow, max(0, code.start() - 12), code.start()):
        return None
    town = _TOWN.match(shadow, end - 1)
    if town is None or _is_no_town(town.group()):
        return None
    sentence = _SENTENCE_ENDS.search(town.group())
    stop = town.start() + sentence.start() if sentence else _without_stop(shadow, town.end())
    finish = _with_country(shadow, stop)
    begin = _street_before(shadow, code.start(), bare_too=not _is_year(code.group().strip()))
    if begin is not None:
        return begin, finish, 0.85
    for street in streets(shadow, town.end(), town.end() + _AHEAD, first=True):
        if _GLUE.fullmatch(shadow, town.end(), street[0]):
            return code.start(), _with_country(shadow, _without_stop(shadow, street[1])), 0.85
    return None


_SENTENCE_ENDS: Final = re.compile(rf"(?<=[{LETTER}]{{4}})\. |(?<=[0-9]{{4}})\. ")
"""After a word that is no abbreviation, or a number: what follows is no part of a town's name, nor what precedes of a street's."""


def _first_code(shadow: str, end: int) -> re.Match[str] | None:
    for place in range(max(0, end - 12), end - 3):
        code = _FIRST.fullmatch(shadow, place, end)
        if code is not None:
            return code
    return None


def _verify_last(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """A postcode after its town, or on a line of its own."""
    for place in range(max(0, end - 13), end - 4):
        if place and (shadow[place - 1].isalnum() or shadow[place - 1] in "-_./"):
            continue
        code = _LAST_FORM.match(shadow, place)
        if code is not None and code.end() >= end:
            begin = _street_before(shadow, place, bare_too=False, town_needed=True)
            if begin is None:
                begin = _line_above(shadow, place)
            return None if begin is None else (begin, _with_country(shadow, code.end()), 0.85)
    return None


_LABEL_IN_STREET: Final = re.compile(r"[^:\n]{1,40}: *")


def _unlabelled(shadow: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The last few `streets` of a stretch, without the name of the field that they fill: "Adrese: Brīvības iela 5"."""
    for begin, finish in streets(shadow, start, end):
        label = _LABEL_IN_STREET.match(shadow, begin, finish)
        if label is None:
            yield begin, finish
        elif any(map(str.isdigit, shadow[label.end() : finish])):  # else the number was the label's
            yield label.end(), finish


_UNIT_BEFORE: Final = re.compile(
    rf"(?<![{LETTER}])(?:flat|studio|unit|suite|apt\.?|apartment|room|floor|penthouse|appartement|wohnung|top|stiege) \Z",
    re.IGNORECASE,
)
"""What stands before a number that is a flat's and begins the address: "Flat 43, Deborah Pass"."""
_LONGEST_UNIT: Final = 13


def _street_before(shadow: str, before: int, *, bare_too: bool, town_needed: bool = False) -> int | None:
    """Where the street begins that ends shortly before `before`."""
    first = max(0, before - _BEHIND)
    window = shadow[first:before]
    begin = None
    for street_begin, street_end in _unlabelled(shadow, first, before):
        if _is_glue(shadow[street_end:before], town_needed):
            unit = _UNIT_BEFORE.search(shadow, max(0, street_begin - _LONGEST_UNIT), street_begin)
            begin = unit.start() if unit else street_begin
            break
    if begin is None:
        begin = _without_number(shadow, before)
    if begin is None and bare_too:
        stop = first + len(_GREEK_CODE.sub("", window).rstrip(" \t,;\r\n"))
        glue = shadow[stop:before]
        street_line = _BARE_STREET.search(shadow, max(stop - _BETWEEN, shadow.rfind("\n", first, stop) + 1, 0), stop)
        if street_line is not None and glue.count("\n") <= 1 and ("," in glue or "\n" in glue):
            word = bare(street_line.group().split()[0].rstrip("."))
            if word not in NO_STREET and (word not in NEVER or word in STREET_BEGINS):
                begin = street_line.start()
    return begin


_GREEK_CODE: Final = re.compile(r"T\.?K\.? ?\Z")


def _without_number(shadow: str, before: int) -> int | None:
    """Where a street begins that is all of the line or the clause before a postcode: "avenue Carpentier, 33788 Merle"."""
    first = max(0, before - _BETWEEN)
    stop = first + len(_NO_NUMBER.sub("", shadow[first:before].rstrip(" \t,;\r\n-")).rstrip(" ,"))
    if shadow[stop:before].count("\n") > 1 or not shadow[stop:before].strip(" ") or stop - first < 5:
        return None
    begin = max(shadow.rfind(mark, first, stop) for mark in "\n,:") + 1
    for sentence in _SENTENCE_ENDS.finditer(shadow, max(begin, first), stop):
        begin = sentence.end()
    words = shadow[begin:stop].split()
    if begin == 0 and first > 0:
        return None
    # "demeurant avenue de Sanchez": the words before it must say that somebody lives there.
    lead = next((place for place, word in enumerate(words) if begins_street(word)), len(words))
    if lead and (lead == len(words) or not LIVES.among(" ".join(words[:lead]))):
        return None
    words = words[lead:]
    if not 2 <= len(words) <= 6:
        return None
    return begin + shadow[begin:stop].index(words[0]) if any(word[:1].isupper() for word in words[1:]) else None


_LINE_STREET: Final = re.compile(
    r"^(?:(?i:flat|studio|unit|suite|apt\.?) [0-9A-Za-z]{1,4},? *\n *)?"
    rf"(?:(?:{_CAPITAL} ){{1,4}}{LAST_WORD}|{BEFORE_NAME.trigger} (?:{_WORD} ){{0,3}}{_CAPITAL})(?=,|\r?\n)",
    re.MULTILINE,
)


def _line_above(shadow: str, before: int) -> int | None:
    """Where a street without a number begins that is a line above the town and the postcode, which may be in lines of their own."""
    for street in _LINE_STREET.finditer(shadow, max(0, before - _BETWEEN * 2), before):
        between = shadow[street.end() : before]
        if between.count("\n") <= 3 and between.strip() and _is_glue(between, town_needed=True):
            return street.start()
    return None


_NO_NUMBER: Final = re.compile(r",? ?[Ss]/[Nn]\Z")


def _is_glue(between: str, town_needed: bool) -> bool:
    """Whether nothing but parts of an address is between street and postcode."""
    if len(between) > _BETWEEN or between.count("\n") > 3:
        return False
    segments = [segment.strip(" \t\r>*.-") for segment in _SEGMENTS.split(between)]
    if any(mark in between for mark in ("!", "?", ":", ". ", "=", "{", "(")) or (
        between and between[0] not in " ,;\n\t\r./-"
    ):
        return False
    if town_needed and between.strip(" ,") and not any(segment[:1].isupper() for segment in segments):
        return False
    return all(not segment or segment[0].isupper() or segment[0].isdigit() or "." in segment for segment in segments)


def _is_no_town(town: str) -> bool:
    first = bare(town.split()[0])
    return first in NEVER or first in NO_TOWN


def _is_year(code: str) -> bool:
    return len(code) == 4 and code.isdigit() and 1900 <= int(code) <= 2100


def _without_stop(shadow: str, end: int) -> int:
    return end - 1 if shadow[end - 1] == "." else end


def _with_country(shadow: str, end: int) -> int:
    country = _COUNTRY.match(shadow, end)
    return country.end() if country else end


# Iceland's three digits are too few to look for, and are read where a street is before them.
_TOWN_ALONE: Final = re.compile(
    rf",? ?(?:in )?(?:\r?\n *)?(?:(?:IS-)?[1-9][0-9]{{2}} )?(?P<town>{_CAPITAL}(?: {_CAPITAL}){{0,1}})(?=[ \t]*(?:[,.;()\"'\n]|\Z))"
)


def _verify_named(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    return _verify_street(shadow, start, end, language) if may_be_named(shadow, end - 2) else None


def _verify_street(shadow: str, start: int, end: int, language: str | None) -> Verified | None:
    """A street without a postcode: what is around must tell that it is an address."""
    for begin, finish in _unlabelled(shadow, max(0, end - 48), min(len(shadow), end + 48)):
        if not begin <= end <= finish + 2:
            continue
        town = _TOWN_ALONE.match(shadow, finish)
        if town is not None and town.start("town") > finish and not _is_no_town(town["town"]):
            return begin, _with_country(shadow, _without_stop(shadow, town.end("town"))), 0.6
        before = shadow[max(0, begin - BEFORE) : begin]
        if LIVES.among(before) or _LABEL.search(before):
            return begin, _without_stop(shadow, finish), 0.6
    return None


_CODE_TRIGGER: Final = (
    r"(?:[0-9]{4}|[0-9]{5}|[0-9]{6}|[0-9]{3} [0-9]{2}|[0-9]{2}-[0-9]{3}|[0-9]{4}-[0-9]{3}|[0-9]{4} ?[A-Z]{2})"
    rf"{_TO_TOWN}[{UPPER}]"
)
_CODE_LAST_TRIGGER: Final = r"\b(?:LV-[0-9]{4}|[A-Z]{3} ?[0-9]{4}|[A-Z]{2},? [0-9]{5})\b|[a-z\xe0-\xff],? [0-9]{5,6}\b"
_LETTERS_LAST_TRIGGER: Final = r"\b[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}\b|\b[A-Z][0-9][0-9W] ?[A-Z0-9]{4}\b"

PATTERNS: Final = (
    Pattern("address-code", "ADDRESS", _CODE_TRIGGER, _verify_first, start_known=False, layer="cues"),
    Pattern("address-code-last", "ADDRESS", _CODE_LAST_TRIGGER, _verify_last, start_known=False, layer="cues"),
    Pattern("address-letters-last", "ADDRESS", _LETTERS_LAST_TRIGGER, _verify_last, start_known=False, layer="cues"),
    Pattern(
        "street-after",
        "ADDRESS",
        rf"{AFTER.trigger}\.?,? {{1,2}}[0-9]",
        _verify_street,
        start_known=False,
        layer="cues",
    ),
    Pattern(
        "street-before",
        "ADDRESS",
        rf"\b{BEFORE_NAME.trigger} [{UPPER}d]",
        _verify_named,
        start_known=False,
        layer="cues",
    ),
    Pattern(
        "street-last",
        "ADDRESS",
        rf"[0-9][A-Za-z]?,? [^\n]{{2,40}} {LAST.trigger}\b",
        _verify_street,
        start_known=False,
        layer="cues",
    ),
)
