"""Fields: reads a JSON document field by field and remembers everything that is wrong with it, by path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

_NUL: Final = "\x00"
"""No database keeps it."""
_Word = TypeVar("_Word", bound=StrEnum)


class Problems:
    """What was found wrong so far: path and problem, in the order of the document. Problems never repeat a value."""

    def __init__(self, *, checking: bool = True) -> None:
        """Not `checking` is for what was found in order before: texts are then not read one by one."""
        self.found: list[tuple[str, str]] = []
        self.checking = checking

    def add(self, path: str, problem: str) -> None:
        self.found.append((path, problem))


class Fields:
    """The fields of one object at `path`; what is not in `known` is a problem."""

    def __init__(self, problems: Problems, path: str, given: object, known: tuple[str, ...], example: str) -> None:
        """`example` shows what it should have been, where it is no object."""
        self._problems = problems
        self._path = path
        self._given: Mapping[str, Any] = {}
        if not isinstance(given, Mapping):
            problems.add(path or "policy", f"must be an object such as {example}")
            return
        self._given = given
        for name in given:
            if name not in known:
                problems.add(self.at(_shown(name)), f"no such field; there are {', '.join(known)}")

    def at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def has(self, name: str) -> bool:
        return name in self._given

    def get(self, name: str) -> Any:
        return self._given.get(name)

    def wrong(self, name: str, problem: str) -> None:
        self._problems.add(self.at(name), problem)

    def word(self, name: str, words: type[_Word], default: _Word) -> _Word:
        """One of an enumeration's words."""
        if name not in self._given:
            return default
        given = self._given[name]
        if isinstance(given, str) and given in words._value2member_map_:
            return words(given)
        self.wrong(name, f"must be one of {', '.join(words)}")
        return default

    def optional_word(self, name: str, words: type[_Word]) -> _Word | None:
        return self.word(name, words, next(iter(words))) if name in self._given else None

    def flag(self, name: str, default: bool) -> bool:
        given = self._given.get(name, default)
        if isinstance(given, bool):
            return given
        self.wrong(name, "must be true or false")
        return default

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        given = self._given.get(name, default)
        if isinstance(given, (int, float)) and not isinstance(given, bool) and least <= given <= most:
            return float(given)
        self.wrong(name, f"must be a number from {least:g} to {most:g}")
        return default

    def text(self, name: str, *, longest: int, default: str = "") -> str:
        given = self._given.get(name, default)
        if isinstance(given, str) and len(given) <= longest and _NUL not in given:
            return given
        self.wrong(name, f"must be a text of at most {longest} characters, none of them U+0000")
        return default

    def texts(
        self, name: str, *, most: int, longest: int, check: Callable[[str], str | None] | None = None
    ) -> tuple[str, ...]:
        """A list of texts; `check` says what is wrong with one, or None. Those that are wrong are left out."""
        kept = []
        for path, given in self.items(name, most=most, example='["a text"]'):
            problem: str | None
            if not isinstance(given, str) or not given.strip() or len(given) > longest or _NUL in given:
                problem = f"must be a text of 1 to {longest} characters, none of them U+0000"
            else:
                problem = check(given) if check and self._problems.checking else None
            if problem is None:
                kept.append(given)
            else:
                self._problems.add(path, problem)
        return tuple(kept)

    def items(self, name: str, *, most: int, example: str) -> Iterator[tuple[str, Any]]:
        """Path and value of each item of a list."""
        given = self._given.get(name, [])
        if not isinstance(given, (list, tuple)):
            self.wrong(name, f"must be a list such as {example}")
            return
        if len(given) > most:
            self.wrong(name, f"has {len(given)} items; at most {most} are allowed")
        for index, item in enumerate(given[:most]):
            yield f"{self.at(name)}.{index}", item


def _shown(name: object) -> str:
    """A field's name as far as it may be repeated: a name is typed by a person, and may be anything."""
    return name if isinstance(name, str) and name.isascii() and name.isidentifier() and len(name) <= 40 else "?"
