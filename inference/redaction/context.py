"""Context: whether words near a value say what it is. Looked at only where a candidate asks, so that ordinary text costs nothing.

Words are written as people write them, in any script, and folded as the text is (`shadow.cast`), to lower case. A phrase is words
with single spaces. A stem stands for every word that begins with it: compounds and endings are the rule in most languages.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Final

from .shadow import cast
from .structure import Place, place
from .table import Tables

BEFORE: Final = 48
"""Characters before a value in which a word may announce it."""
AFTER: Final = 24
"""Characters after it, on the same line, for "… (BSN)"."""
_WORD: Final = re.compile(r"[0-9A-Za-z\xc0-\xd6\xd8-\xf6\xf8-\xff]+")
_SHORT: Final = 4
"""Letters up to which a word is looked for only where a word begins."""
_HEAD: Final = 3
"""Letters by which stems are looked up; no stem is shorter."""


class Words:
    """A set of words, phrases and stems that mean one thing, whatever the language.

    >>> TAX = Words("steuer-id", "codice fiscale", stems=("steueridentifikation",))

    The last word of a phrase may be a stem, too: ``stems=("driver licen",)``.
    """

    __slots__ = ("_heads", "_phrases", "_trigger")

    def __init__(self, *words: str, stems: Iterable[str] = ()) -> None:
        self._trigger: str | None = None
        self._phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        """By first word: the words after it, and the stem of one more ("" for none)."""
        self._heads: dict[str, tuple[str, ...]] = {}
        for word in words:
            first, *rest = split(cast(word).text)
            self._phrases.setdefault(first, []).append((tuple(rest), ""))
        for stem in stems:
            first, *rest = split(cast(stem).text)
            if rest:
                self._phrases.setdefault(first, []).append((tuple(rest[:-1]), rest[-1]))
            elif len(first) < _HEAD:
                raise ValueError(f"the stem {stem!r} is too short: it would stand for too many words")
            else:
                self._heads[first[:_HEAD]] = (*self._heads.get(first[:_HEAD], ()), first)

    def __or__(self, other: Words) -> Words:
        joined = Words()
        for words in (self, other):
            for first, phrases in words._phrases.items():
                joined._phrases[first] = [*joined._phrases.get(first, ()), *phrases]
            for head, stems in words._heads.items():
                joined._heads[head] = (*joined._heads.get(head, ()), *stems)
        return joined

    @property
    def trigger(self) -> str:
        """A Vectorscan expression that matches wherever one of them may be: hardly less than `among` finds, often more."""
        if self._trigger is None:
            self._trigger = self._expression()
        return self._trigger

    def _expression(self) -> str:
        endings: set[tuple[str, ...]] = {(stem,) for stems in self._heads.values() for stem in stems}
        whole: set[tuple[str, ...]] = set()
        for first, phrases in self._phrases.items():
            endings |= {(first, *rest, stem) for rest, stem in phrases if stem}
            whole |= {(first, *rest) for rest, stem in phrases if not stem}
        long = sorted(sequence for sequence in whole | endings if sum(map(len, sequence)) > _SHORT)
        parts = [f"(?i:{'|'.join(map(_written, long))})"] if long else []
        for sequences, after in ((whole, r"(?:[^a-z\xdf-\xff]|$)"), (endings, "")):
            short = sorted(sequences.difference(long))
            if short:
                parts.append(rf"(?:^|[^A-Za-z\xc0-\xff])(?i:{'|'.join(map(_spaced, short))}){after}")
                parts.extend(
                    rf"[a-z\xdf-\xff]{first[0].upper()}(?i:{_spaced((first[1:], *rest))}){after}"
                    for first, *rest in short
                )
        return "|".join(parts)

    def among(self, text: str) -> bool:
        """Whether one of them is in `text`, a piece of a shadow."""
        return self.among_words(split(text))

    def among_words(self, words: Sequence[str]) -> bool:
        """Whether one of them is among the `words` of a piece of a shadow, as `split` gives them."""
        heads, phrases = self._heads, self._phrases
        may = [index for index, word in enumerate(words) if word[:_HEAD] in heads or word in phrases]
        return any(self.begin(words, index) for index in may) if may else False

    def begin(self, words: Sequence[str], index: int) -> bool:
        """Whether one of them begins at the word at `index`."""
        word = words[index]
        stems = self._heads.get(word[:_HEAD])
        if stems is not None and word.startswith(stems):
            return True
        for rest, stem in self._phrases.get(word, ()):
            after = index + 1 + len(rest)
            if rest and tuple(words[index + 1 : after]) != rest:
                continue
            if not stem or (after < len(words) and words[after].startswith(stem)):
                return True
        return False


_ANSWERS: Final = 512
"""How many names of columns and keys are remembered during a scan, with whether they are among some words."""


class _Sight(threading.local):
    """What was looked at last, because several patterns ask about the same value. It holds text: `forget` when a scan ends."""

    shadow: str | None = None
    start: int = -1
    end: int = -1
    ahead: list[str] | None = None
    behind: list[str] | None = None
    place: Place | None = None
    tables: Tables
    answers: dict[tuple[Words, str], bool]
    notes: dict[str, dict[int, Any]]

    def look(self, shadow: str, start: int) -> None:
        if shadow is not self.shadow:
            self.shadow = shadow
            self.tables = Tables()
            self.answers = {}
            self.notes = {}
        elif self.start == start:
            return
        self.start = start
        self.ahead = self.behind = self.place = None


_SIGHT: Final = _Sight()


def forget() -> None:
    """Lets go of the text that was looked at last."""
    _SIGHT.shadow = _SIGHT.ahead = _SIGHT.behind = _SIGHT.place = None
    _SIGHT.tables, _SIGHT.answers, _SIGHT.notes = Tables(), {}, {}


def notes(shadow: str, subject: str) -> dict[int, Any]:
    """What is known on a `subject` by offsets into this shadow, for what many values ask about the same place. Empty at first."""
    _SIGHT.look(shadow, _SIGHT.start)
    return _SIGHT.notes.setdefault(subject, {})


def placed(shadow: str, start: int) -> Place:
    """The place of the value that begins at `start` in a structure."""
    _SIGHT.look(shadow, start)
    if _SIGHT.place is None:
        _SIGHT.place = place(shadow, start, _SIGHT.tables)
    return _SIGHT.place


def entitled(shadow: str, start: int, end: int, words: Words) -> bool:
    """Whether one of the `words` is in the names that a structure gives the value at ``shadow[start:end]``."""
    names = placed(shadow, start).names
    if not names:
        return False
    answers = _SIGHT.answers
    answer = answers.get((words, names))
    if answer is None:
        if len(answers) >= _ANSWERS:
            answers.clear()
        answer = answers[words, names] = words.among(names)
    return answer


def near(shadow: str, start: int, end: int) -> tuple[list[str], list[str]]:
    """The words before the value at ``shadow[start:end]``, also of the line above, and those after it on its line."""
    _SIGHT.look(shadow, start)
    ahead, behind = _SIGHT.ahead, _SIGHT.behind
    if ahead is None:
        ahead = _SIGHT.ahead = before(shadow, start)
    if behind is None or end != _SIGHT.end:
        behind = _SIGHT.behind = split(shadow[end : end + AFTER].partition("\n")[0])
        _SIGHT.end = end
    return ahead, behind


def before(shadow: str, start: int, floor: int = 0) -> list[str]:
    """The words in the `BEFORE` characters before `start`, none of them from before `floor`."""
    first = max(floor, start - BEFORE)
    if first >= start:
        return []
    # A word that the window cuts in half says nothing.
    cut = _WORD.match(shadow, first, start) if first and shadow[first - 1].isalnum() else None
    return split(shadow[cut.end() if cut else first : start])


def named(shadow: str, start: int, end: int, words: Words) -> bool:
    """Whether one of the `words` announces the value at ``shadow[start:end]``: before it, right after it on its line, or in the
    name that a structure gives it (a key, a column, a tag).

    What comes before may stand on the line above ("IBAN:" and a line feed), and may be a JSON key, a form's or a header's name:
    its camelCase and snake_case words count one by one and together.
    """
    ahead, behind = near(shadow, start, end)
    if words.among_words(ahead) or words.among_words(behind):
        return True
    return entitled(shadow, start, end, words)


def called(shadow: str, start: int, end: int, words: Words) -> bool:
    """Like `named`, but where a structure gives the value a name that tells, only that name and the text that belongs to the value
    count: in ``{"passport": "…", "order": "…"}`` the order is no passport."""
    if entitled(shadow, start, end, words):
        return True
    where = placed(shadow, start)
    if where.telling:
        return words.among_words(before(shadow, start, where.scope))
    ahead, behind = near(shadow, start, end)
    return words.among_words(ahead) or words.among_words(behind)


def _written(words: Sequence[str]) -> str:
    """An expression of the `words`, with what may be between them."""
    return rf"{_BETWEEN}{{0,8}}".join(map(spelled, words))


def _spaced(words: Sequence[str]) -> str:
    """The same for short words, with no more between them than the scanner can see as one literal: a sign and a space, or
    nothing where the next has a capital ("fNac")."""
    first, *rest = words
    return spelled(first) + "".join(
        rf"(?:[ \n._/-]{spelled(word)}|[.:] {spelled(word)}|(?-i:{word[0].upper()}){spelled(word[1:])})"
        for word in rest
    )


_BETWEEN: Final = r"[^A-Za-z0-9\xc0-\xff]"


def spelled(word: str) -> str:
    """An expression of a word with its accented letters in both cases."""
    return "".join(
        letter if letter < "\xe0" or letter in "\xf7\xff" else f"[{letter}{letter.upper()}]" for letter in word
    )


_HUMP: Final = re.compile(r"(?<=[a-z\xdf-\xff])(?=[A-Z\xc0-\xde])")


def split(text: str) -> list[str]:
    """The words of a piece of a shadow in lower case, camelCase cut at its humps."""
    words: list[str] = _WORD.findall(text)
    for word in words:
        if not (word.islower() or word[1:].islower() or word.isupper() or word.isdigit()):
            return _WORD.findall(_HUMP.sub(" ", text).lower())  # there may be one
    return [word.lower() for word in words]
