"""The grammar of a person's name in a shadow: capitalised words, initials and particles, whatever the language."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Final, NamedTuple

from .vocabulary import NEVER, bare

UPPER: Final = "A-Z\xc0-\xd6\xd8-\xde"
LOWER: Final = "a-z\xdf-\xf6\xf8-\xff"
LETTER: Final = UPPER + LOWER
PARTICLES: Final = (
    "(?:[Vv][ao]n|[Dd]el?|[Dd]ella|dello|degli|dei|[Dd][iau]|dos?|[Tt]er|ten|'t|a[fv]|[Ii]bn|bin|al|y|[\xd3\xf3]|n\xed|nic|u\xed)"
    "(?: (?:der|den|dem|de|la|las|los|le|het|'t))?|das(?= (?:Neves|Dores|Gra[c\xe7]as|Chagas|Flores|Merc[e\xea]s))"
)
"""Between and before names. German articles count after "von" only: "Frau Schmidt das Paket" is no name."""
_APOSTROPHE: Final = "['\x1a`\xb4]"
"""U+2019 has no place in latin-1 and folds to U+001A."""
_PIECE: Final = (
    rf"(?:[{UPPER}]{_APOSTROPHE}|d{_APOSTROPHE}|M[ac]?c|Fitz|Di|De|Le|La|Van)?"
    rf"[{UPPER}](?:[{LOWER}]{{1,32}}|[{UPPER}]{{1,32}})(?:{_APOSTROPHE}[{UPPER}][{LOWER}]{{1,32}})?"
)
WORD: Final = rf"{_PIECE}(?:-(?:{_PIECE})){{0,3}}"
_END: Final = rf"(?![0-9_@({LETTER}]|\.[{LETTER}]|['\x1a`](?!s\b)[{LETTER}]|-[{LETTER}0-9]|://)"
"""What may not follow: the rest of an identifier, a domain, a call."""
_STEP: Final = re.compile(
    rf"(?:(?:{PARTICLES}) )?(?:[{UPPER}]\.-? ?){{0,3}}(?:(?:{PARTICLES}) )?(?P<word>{WORD}){_END}"
)
_NAME_BEFORE: Final = re.compile(
    rf"(?<![0-9_@.{LETTER}-])(?:[{UPPER}]\.[ ]?|{WORD}[ ]|(?:{PARTICLES})[ ]){{0,5}}{WORD}\Z"
)
_FURTHEST_BEFORE: Final = 64
MOST_WORDS: Final = 4


class Person(NamedTuple):
    """A name at ``shadow[start:end]`` and how many capitalised words it has."""

    start: int
    end: int
    words: int


def person_at(shadow: str, start: int, never: Set[str] = NEVER, most: int = MOST_WORDS) -> Person | None:
    """The name that begins at `start`, particle or capital; it ends before the first word that is in `never`."""
    position, end, words = start, start, 0
    while words < most:
        step = _STEP.match(shadow, position)
        if step is None or bare(step["word"]) in never:
            break
        end = step.end()
        words += 1
        if shadow[end : end + 1] != " ":
            break
        position = end + 1
    if not words or (words == 1 and end - start < 2):
        return None
    return Person(start, end, words)


def person_before(shadow: str, end: int, never: Set[str] = NEVER) -> Person | None:
    """The name that ends at `end`; it begins after the last word that is in `never`."""
    first = max(0, end - _FURTHEST_BEFORE)
    found = _NAME_BEFORE.search(shadow, first, end) if shadow[end - 1 : end].isalpha() else None
    if found is None:
        return None
    words = found.group().split(" ")
    kept = len(words)
    while kept and bare(words[kept - 1]) not in never:
        kept -= 1
    words = words[kept:]
    while words and not words[0][:1].isupper():
        del words[0]
    words = words[-2 * MOST_WORDS :]
    if not words:
        return None
    capitals = sum(word[:1].isupper() and not word.endswith(".") for word in words)
    return Person(end - len(" ".join(words)), end, capitals) if capitals else None


def holds_any(shadow: str, person: Person, words: Set[str]) -> bool:
    """Whether one of the `words` is in the name: of "Visual Studio", say, the second."""
    return any(
        part[:1].isupper() and bare(part) in words for part in re.split(r"[ -]", shadow[person.start : person.end])
    )
