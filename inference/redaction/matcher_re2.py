"""RE2: the same hits where there is no Vectorscan. One pass tells which triggers are there, then each is followed by itself."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import re2

from .trigger import Hit, MatcherError, Trigger

MEMORY = 32 << 20
"""Bytes that the automata of one expression may take; beyond, RE2 forgets states and becomes slower."""


class Re2Matcher:
    def __init__(self, triggers: Sequence[Trigger], ids: Sequence[int] | None = None) -> None:
        """`ids` stand for the triggers in hits; their indices if not given."""
        self._triggers = tuple(triggers)
        self._ids = tuple(range(len(self._triggers)) if ids is None else ids)
        self._compiling = threading.Lock()
        self._compiled: tuple[Any, list[Any]] | None = None

    @property
    def size(self) -> int:
        return 0  # it grows with what it reads, up to `MEMORY` for each expression that is there

    def dump(self) -> bytes:
        return b""

    def compile(self) -> None:
        self._both()

    def hits(self, data: bytes) -> list[Hit]:
        present, expressions = self._compiled or self._both()
        hits: list[Hit] = []
        for index in present.Match(data) or ():
            trigger = self._triggers[index]
            search = expressions[index].search
            found = search(data)
            while found is not None:
                start, end = found.span()
                hits.append((self._ids[index], start if trigger.start_known else 0, end))
                # From the next character, and not from the end: hits may overlap.
                found = None if trigger.once else search(data, start + 1)
        hits.sort(key=_end)
        return hits

    def _both(self) -> tuple[Any, list[Any]]:
        """The set of all triggers, and each by itself."""
        with self._compiling:
            if self._compiled is None:
                present = re2.Set.SearchSet(options())
                expressions = []
                for trigger in self._triggers:
                    written = f"{'(?i)' if trigger.caseless else ''}{trigger.expression}".encode("latin-1")
                    expressions.append(compiled(written))
                    present.Add(written)
                if self._triggers:
                    present.Compile()
                self._compiled = present, expressions
        return self._compiled


def options(*, longest: bool = False) -> Any:
    """Of expressions over latin-1 bytes."""
    made = re2.Options()
    made.encoding = re2.Options.Encoding.LATIN1
    made.longest_match = longest
    made.log_errors = False
    made.max_mem = MEMORY
    return made


def compiled(expression: bytes, *, longest: bool = False) -> Any:
    """Raises MatcherError."""
    try:
        return re2.compile(expression, options(longest=longest))
    except re2.error as error:
        raise MatcherError(type(error).__name__) from None


def _end(hit: Hit) -> tuple[int, int]:
    return hit[2], hit[0]
