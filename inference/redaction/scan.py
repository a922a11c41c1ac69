"""The scanner: every pattern in one Vectorscan pass over a shadow, then each pattern's own check."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final, NamedTuple

import hyperscan

from .context import forget
from .errors import ScanFailed
from .finding import VERIFIED, Span
from .patterns import BUILT_IN, Pattern
from .placeholders import SHAPE_TRIGGER
from .resolve import resolve
from .shadow import cast
from .wrap import TRIGGER as WRAP_TRIGGER
from .wrap import unwrap


class Scan(NamedTuple):
    """The findings of one text, without overlaps and by position, and whether the text holds something that looks like a
    placeholder."""

    spans: list[Span]
    placeholder_shaped: bool


class Scanner:
    """Finds what `patterns` describe. One scanner serves every thread: the database is shared, each thread has a scratch.

    Compiling takes half a second and happens at the first use, or in `compile`.
    """

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = tuple(patterns)
        sharing: dict[tuple[str, int], list[int]] = {}
        for index, pattern in enumerate(self._patterns):
            sharing.setdefault((pattern.trigger, _flags(pattern)), []).append(index)
        self._sharers = tuple(map(tuple, sharing.values()))
        """The patterns of each trigger: one that several share is compiled and reported once."""
        words = tuple(dict.fromkeys(pattern.words for pattern in patterns if pattern.words is not None))
        once = hyperscan.HS_FLAG_SINGLEMATCH
        self._shape, self._wrap = len(sharing), len(sharing) + 1
        self._triggers = (*sharing, (SHAPE_TRIGGER, once), (WRAP_TRIGGER, 0), *((each.trigger, once) for each in words))
        self._needed = tuple(
            None if pattern.words is None else self._wrap + 1 + words.index(pattern.words) for pattern in patterns
        )
        """By pattern: the index of the words that it asks for among the expressions."""
        self._database: hyperscan.Database | None = None
        self._compiling = threading.Lock()
        self._thread = threading.local()

    def compile(self) -> hyperscan.Database:
        """The database; compiled once, whichever thread comes first."""
        with self._compiling:
            if self._database is None:
                database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
                try:
                    database.compile(
                        expressions=[trigger.encode("latin-1") for trigger, _ in self._triggers],
                        ids=list(range(len(self._triggers))),
                        flags=[flags for _, flags in self._triggers],
                    )
                except hyperscan.error as error:
                    raise ScanFailed("compiling the patterns", error) from error
                self._database = database
        return self._database

    def scan(self, text: str, language: str | None, ignored: frozenset[str]) -> Scan:
        """The findings in `text` of every type that is not `ignored`. Raises ScanFailed."""
        try:
            shadow = cast(text)
            hits = self._hits(shadow.data)
            if not hits:
                return Scan([], False)
            folded = shadow.text
            words = {index for index, _, _ in hits if index > self._wrap}
            spans = self._verified(folded, hits, words, language, ignored)
            breaks = [end for index, _, end in hits if index == self._wrap]
            if breaks:
                found = tuple(spans)
                for unwrapped in unwrap(folded, breaks):
                    again = self._hits(unwrapped.text.encode("latin-1"))
                    spans += unwrapped.crossing(self._verified(unwrapped.text, again, words, language, ignored), found)
        except (hyperscan.error, MemoryError) as error:
            raise ScanFailed("the scanner", error) from None
        resolved = resolve(spans, folded)
        if shadow.drops:
            resolved = [(*shadow.original(start, end), kind, score) for start, end, kind, score in resolved]
        return Scan(resolved, any(index == self._shape for index, _, _ in hits))

    def _verified(
        self,
        folded: str,
        hits: list[tuple[int, int, int]],
        words: set[int],
        language: str | None,
        ignored: frozenset[str],
    ) -> list[Span]:
        """The values that the `hits` in a shadow belong to, as they come; `words` are the sets of words of which it has any."""
        patterns = self._patterns
        spans: list[Span] = []
        covered: dict[int, int] = {}
        sure_start = sure_end = 0
        for trigger, start, end in hits:
            if trigger >= self._shape:
                continue
            # What check digits vouch for is taken: next to nothing that begins inside it could prevail (`resolve`), and
            # account numbers, tokens and keys are full of triggers. Where the start is not known, it is 0.
            if sure_start <= start and end <= sure_end and start:
                continue
            for index in self._sharers[trigger]:
                # A trigger inside what the same pattern already took can only repeat it; without this, a text made of
                # triggers would be read to its end once for each of them.
                if end <= covered.get(index, 0):
                    continue
                needed = self._needed[index]
                if needed is not None and needed not in words:
                    continue
                pattern = patterns[index]
                if pattern.type in ignored:
                    continue
                try:
                    value = pattern.verify(folded, start, end, language)
                except Exception as error:  # noqa: BLE001 - fails closed
                    forget()
                    # Whatever a check raises may quote the text it was given, so neither it nor its context goes on.
                    raise ScanFailed(f"the check of {pattern.name}", error) from None
                if value is not None:
                    covered[index] = value[1]
                    if value[2] >= VERIFIED:
                        sure_start, sure_end = value[0], value[1]
                    spans.append((value[0], value[1], pattern.type, value[2]))
        forget()
        return spans

    def _hits(self, data: bytes) -> list[tuple[int, int, int]]:
        try:
            scratch = self._thread.scratch
        except AttributeError:
            scratch = self._thread.scratch = hyperscan.Scratch(self.compile())
        hits: list[tuple[int, int, int]] = []
        append = hits.append

        def on_match(index: int, start: int, end: int, flags: int, context: object) -> None:
            append((index, start, end))

        database = self._database
        if database is None:
            database = self.compile()
        database.scan(data, on_match, scratch=scratch)
        return hits


def _flags(pattern: Pattern) -> int:
    known = hyperscan.HS_FLAG_SOM_LEFTMOST if pattern.start_known else 0
    return known | (hyperscan.HS_FLAG_CASELESS if pattern.caseless else 0)


BUILT_IN_SCANNER: Final = Scanner(BUILT_IN)
"""The scanner of the built-in patterns, one a process."""
