"""The scanner: every pattern in a Vectorscan pass over a shadow, then each pattern's own check.

Patterns that cannot match but where digits lie close together (`zones`) are looked for there only."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final, NamedTuple

import hyperscan

from .context import forget
from .cues import CUES
from .errors import ScanFailed
from .finding import VERIFIED, Span
from .patterns import BUILT_IN, Pattern
from .placeholders import SHAPE_TRIGGER
from .shadow import Shadow, cast
from .wrap import TRIGGER as WRAP_TRIGGER
from .wrap import unwrap
from .zones import near_digits, zones

Hit = tuple[int, int, int]
"""``(index, start, end)``: the trigger at `index` matches there."""


class Scan(NamedTuple):
    """What one text holds: the findings as offsets into its `shadow`, which may still overlap, and whether something looks like
    a placeholder."""

    shadow: Shadow
    spans: list[Span]
    placeholder_shaped: bool


class Scanner:
    """Finds what `patterns` describe. One scanner serves every thread: databases are shared, scratches are a thread's own.

    Compiling takes about a second and happens at the first use, or in `compile`.
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
        self._databases: tuple[hyperscan.Database, hyperscan.Database | None] | None = None
        self._compiling = threading.Lock()
        self._thread = threading.local()

    def compile(self) -> tuple[hyperscan.Database, hyperscan.Database | None]:
        """The databases for the whole text and for its zones; compiled once, whichever thread comes first."""
        with self._compiling:
            if self._databases is None:
                whole: list[int] = []
                near: list[int] = []
                for index, (trigger, _) in enumerate(self._triggers):
                    (near if index < self._shape and near_digits(trigger) else whole).append(index)
                try:
                    self._databases = self._database(whole), self._database(near) if near else None
                except hyperscan.error as error:
                    raise ScanFailed("compiling the patterns", error) from error
        return self._databases

    def _database(self, indices: Sequence[int]) -> hyperscan.Database:
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(
            expressions=[self._triggers[index][0].encode("latin-1") for index in indices],
            ids=list(indices),
            flags=[self._triggers[index][1] for index in indices],
        )
        return database

    def scan(self, text: str, language: str | None, ignored: frozenset[str]) -> Scan:
        """The findings in `text` of every type that is not `ignored`. Raises ScanFailed."""
        try:
            shadow = cast(text)
            hits = self._hits(shadow.data)
            if not hits:
                return Scan(shadow, [], False)
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
        return Scan(shadow, spans, any(index == self._shape for index, _, _ in hits))

    def _verified(
        self,
        folded: str,
        hits: list[Hit],
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
                    spans.append((value[0], value[1], pattern.type, value[2], pattern.layer))
        forget()
        return spans

    def _hits(self, data: bytes) -> list[Hit]:
        """By their ends."""
        try:
            whole, in_zones, scratches = self._thread.ready
        except AttributeError:
            whole, in_zones = databases = self.compile()
            scratches = [None if database is None else hyperscan.Scratch(database) for database in databases]
            self._thread.ready = whole, in_zones, scratches
        hits: list[Hit] = []
        append = hits.append

        def on_match(index: int, start: int, end: int, flags: int, context: object) -> None:
            append((index, start, end))

        whole.scan(data, on_match, scratch=scratches[0])
        if in_zones is None:
            return hits
        near = zones(data)
        if not near.data:
            return hits
        before = len(hits)
        in_zones.scan(near.data, on_match, scratch=scratches[1])
        if len(hits) > before:
            hits[before:] = [(index, *near.original(start, end)) for index, start, end in hits[before:]]
            if before:
                hits.sort(key=_end)
        return hits


def _end(hit: Hit) -> int:
    return hit[2]


def _flags(pattern: Pattern) -> int:
    known = hyperscan.HS_FLAG_SOM_LEFTMOST if pattern.start_known else 0
    return known | (hyperscan.HS_FLAG_CASELESS if pattern.caseless else 0)


BUILT_IN_SCANNER: Final = Scanner((*BUILT_IN, *CUES))
"""The scanner of the built-in patterns and cues, one a process."""
