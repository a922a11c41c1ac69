"""Repeats: a name that was found once, and the words of an e-mail address, wherever they stand in the texts of one request."""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Final, NamedTuple

from ..finding import Span
from ..shadow import Shadow
from .columns import further as below
from .local_parts import joined_locals, pairs, spellings
from .person import LETTER, PARTICLES, UPPER, Person, person_at, person_before
from .titles import after_titles
from .vocabulary import AMBIGUOUS, BARE, ROLES, THINGS, bare

_WHOLE: Final = 0.8
_ALONE: Final = 0.65
_FROM_ADDRESS: Final = 0.7
_NAME_WORD: Final = re.compile(rf"[{UPPER}][{LETTER}]+")
_LOCAL_WORD: Final = re.compile("[a-z]+")
_SMALL: Final = frozenset(
    ("van", "von", "vom", "del", "der", "den", "di", "da", "de", "du", "la", "le", "ter", "and", "und")
)
_RUN: Final = re.compile(b"[a-z]+")
_SHORTEST: Final = 3
_FEW: Final = 24
"""Up to so many words are looked for one by one, which is fastest; more of them in one pass over all words."""
_BETWEEN: Final = re.compile(
    rf"(?:[ ]|[ \t]*\r?\n[ \t]*|, |-)(?:(?:{PARTICLES}) )?(?:[{UPPER}]\. ?){{0,2}}(?:(?:{PARTICLES}) )?"
)
"""What may stand between two words of a name."""


class _Word(NamedTuple):
    """A word of a person's name: `people` are the persons it belongs to; `alone`, with what score it stands for one by itself
    (0: it does not); `told`, whether a text called someone so, and not only an address."""

    people: set[int]
    alone: float
    told: bool


class _Place(NamedTuple):
    start: int
    end: int
    word: _Word
    capital: bool


def repeats(texts: Sequence[tuple[Shadow, Sequence[Span]]]) -> list[list[Span]]:
    """What the names and addresses among the findings tell about the rest of the texts: further NAME spans for each text.

    Linear in the length of the texts, however many names there are.
    """
    found = [[*_display_names(shadow.text, spans), *below(shadow.text, spans)] for shadow, spans in texts]
    known = [(shadow.text, [*spans, *shown]) for (shadow, spans), shown in zip(texts, found, strict=True)]
    words = _words(known)
    if not words:
        return found
    keys = {word.encode("ascii"): entry for word, entry in words.items()}
    folds = [shadow.data.translate(BARE) for shadow, _ in texts]
    groups = [
        list(_groups(shadow.text, _places(shadow.text, fold, keys)))
        for (shadow, _), fold in zip(texts, folds, strict=True)
    ]
    # Words that someone also wrote small, by themselves, mean something else as well.
    common = {id(group[0].word) for row in groups for group in row if len(group) == 1 and not group[0].capital}
    joined = {local for text, spans in known for local in joined_locals(text, spans)}
    for fold, (text, spans), row, further in zip(folds, known, groups, found, strict=True):
        further.extend(_outside(spans, _spans(text, row, common)))
        if joined:
            further.extend(_outside(spans, pairs(text, fold, spans, joined)))
    return found


def _display_names(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    """The name before an e-mail address ("Anna Schmidt <as@example.com>") or in brackets behind it, and that on the line above a
    postal one."""
    for start, end, kind, _, _ in spans:
        if kind == "EMAIL":
            person = None
            if text[start - 1 : start] in ("<", "("):
                first = max(0, start - 6)
                person = person_before(text, first + len(text[first : start - 1].rstrip(" \"'\\")), THINGS)
                if person is not None and text[start - 1] == "(":
                    person = _addressed(text, person, text[start:end])
            elif text[end : end + 2] == " (":
                person = person_at(text, end + 2, THINGS)
                person = person if person is not None and text[person.end : person.end + 1] == ")" else None
            if person is not None and person.words > 1:
                yield person.start, person.end, "NAME", _FROM_ADDRESS, "cues"
        elif kind == "ADDRESS" and text[start - 1 : start] == "\n":
            line = text[max(0, start - 64) : start - 1].rpartition("\n")[2].strip()
            begin = text.rfind(line, max(0, start - 64), start) if line else start
            person = person_at(text, after_titles(text, begin), THINGS)
            if person is not None and person.words > 1 and person.end == begin + len(line):
                yield person.start, person.end, "NAME", _FROM_ADDRESS, "cues"


def _addressed(text: str, person: Person, address: str) -> Person:
    """The `person` from the first word on that a part of the `address` begins like: in "Ask Anna Schmidt (anna@example.com)" no
    sign separates the name from the sentence. All of it where no part does."""
    initials = {part[0] for part in _LOCAL_WORD.findall(bare(address).partition("@")[0])}
    words = text[person.start : person.end].split(" ")
    for place, word in enumerate(words):
        if bare(word)[:1] in initials:
            start = person.end - len(" ".join(words[place:]))
            return Person(start, person.end, sum(word[:1].isupper() for word in words[place:]))
    return person


def _outside(known: Sequence[Span], further: Iterable[Span]) -> Iterator[Span]:
    """The `further` findings that no known name holds already."""
    names = sorted(span[:2] for span in known if span[2] == "NAME")
    for span in further:
        place = bisect_right(names, (span[0], sys.maxsize)) - 1
        if place < 0 or names[place][1] < span[1]:
            yield span


def _words(texts: Sequence[tuple[str, Sequence[Span]]]) -> dict[str, _Word]:
    words: dict[str, _Word] = {}
    person = 0
    seen: set[str] = set()
    for text, spans in texts:
        for start, end, kind, _, _ in spans:
            if kind not in ("NAME", "EMAIL") or (value := text[start:end]) in seen:
                continue
            seen.add(value)
            person += 1
            for word, alone in _of_name(value) if kind == "NAME" else _of_address(value):
                for spelling in spellings(word) if kind == "EMAIL" else (word,):
                    entry = words.get(spelling)
                    told = kind == "NAME"
                    if entry is not None:
                        alone, told = max(alone, entry.alone), told or entry.told
                    words[spelling] = _Word({person} | (entry.people if entry else set()), alone, told)
    return words


def _of_name(name: str) -> Iterator[tuple[str, float]]:
    for match in _NAME_WORD.finditer(name):
        word = bare(match.group())
        if word.isascii() and len(word) >= 2 and word not in _SMALL:
            yield word, _ALONE if len(word) >= _SHORTEST and word not in AMBIGUOUS else 0.0


def _of_address(address: str) -> Iterator[tuple[str, float]]:
    local, _, domain = bare(address).rpartition("@")
    parts = _LOCAL_WORD.findall(local)
    if any(part in ROLES for part in parts):
        return
    long = [part for part in parts if len(part) >= _SHORTEST]
    for part in long:
        certain = part not in AMBIGUOUS and part not in domain
        yield part, _FROM_ADDRESS if certain and (len(long) > 1 or len(part) >= 4 or part == local) else 0.0


def _places(text: str, fold: bytes, words: Mapping[bytes, _Word]) -> Iterator[_Place]:
    """Where the words stand, in order. A genitive s ("Annas", "Schmidts") is left outside."""
    if len(words) <= _FEW:
        runs = sorted(run for word in words for run in _runs(fold, word))
    else:
        runs = [(run.start(), run.end()) for run in _RUN.finditer(fold)]
    for start, end in runs:
        entry = words.get(fold[start:end])
        if entry is None and end - start > 4 and fold[end - 1 : end] == b"s":
            end -= 1
            entry = words.get(fold[start:end])
        if entry is None or _in_identifier(text, start, end):
            continue
        written = text[start:end]
        capital = written[0].isupper() and (written[1:].islower() or written.isupper())
        if capital:
            start, end = _whole(text, start, end)
        yield _Place(start, end, entry, capital)


_HYPHENATED: Final = re.compile(rf"(?:-[{UPPER}][{LETTER}]{{1,32}}){{1,3}}")
_HYPHENATED_BEFORE: Final = re.compile(rf"(?<![0-9{LETTER}-])(?:[{UPPER}][{LETTER}]{{1,32}}-){{1,3}}\Z")


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    """All of a hyphenated word: "Marc-André" where only "Marc" is known."""
    if text[end : end + 1] == "-" and (rest := _HYPHENATED.match(text, end)):
        end = rest.end()
    if text[start - 1 : start] == "-" and (rest := _HYPHENATED_BEFORE.search(text, max(0, start - 40), start)):
        start = rest.start()
    return start, end


def _runs(fold: bytes, word: bytes) -> Iterator[tuple[int, int]]:
    start = fold.find(word)
    while start >= 0:
        end = start + len(word)
        if not fold[start - 1 : start].isalpha() or start == 0:
            if fold[end : end + 1] == b"s" and not fold[end + 1 : end + 2].isalpha():
                yield start, end + 1
            elif not fold[end : end + 1].isalpha():
                yield start, end
        start = fold.find(word, end)


def _in_identifier(text: str, start: int, end: int) -> bool:
    """Whether a word is part of an address, a path, an identifier or a call."""
    before = text[start - 1 : start] if start else ""
    if (
        before in ("_", "@", "/", "\\", "#", "$")
        or before.isdigit()
        or (before in (".", "(") and text[start - 2 : start - 1].isalnum())
    ):
        return True
    if text[start].islower() and (before in ("-", "+", "%") or text[end : end + 1] in ("-", "+", "%")):
        return True
    after = text[end : end + 2]
    return after[:1] in ("_", "@", "(", "/", "\\") or after[:1].isdigit() or (after[:1] == "." and after[1:].isalnum())


def _groups(text: str, places: Iterable[_Place]) -> Iterator[list[_Place]]:
    """Places that follow one another as the words of one name do."""
    group: list[_Place] = []
    for place in places:
        if group and place.start < group[-1].end:
            continue
        if group and not _joined(text, group[-1], place):
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _spans(text: str, groups: Iterable[list[_Place]], common: Set[int]) -> Iterator[Span]:
    for group in groups:
        start, end, word, capital = group[0].start, group[-1].end, group[0].word, group[0].capital
        initial = _with_initial(text, start)
        if len(group) > 1 and (capital or all(place.capital or place.word.told for place in group)):
            yield start, end, "NAME", _WHOLE, "cues"
        elif capital and word.alone and (id(word) not in common or initial < start):
            yield initial, end, "NAME", word.alone, "cues"


def _joined(text: str, first: _Place, second: _Place) -> bool:
    if first.word is second.word or not first.word.people & second.word.people:
        return False
    between = _BETWEEN.match(text, first.end)
    return between is not None and between.end() == second.start


_INITIAL: Final = re.compile(rf"(?<![{LETTER}.])(?!M\. )(?:[{UPPER}]\. ?){{1,2}}\Z")


def _with_initial(text: str, start: int) -> int:
    initial = _INITIAL.search(text, max(0, start - 6), start)
    return initial.start() if initial else start
