"""Output: what the model itself writes, looked through before the caller's values are put back.

In a stream, the end of what has come is held back while it could still become part of a finding: the last word, and before it every
word that is more than lower-case letters, or that begins a phrase of the policy's. What was let go is kept for context and never
looked at again, so the rest of a value whose beginning looked like ordinary words is masked from where it was recognised.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from .finding import Span
from .stream import WRITTEN

MOST_HELD: Final = 512
"""Characters that are held back at most, however long a value may become: of a longer one, the beginning is masked and the rest
recognised only if it is a finding by itself."""
COUNTED_AT: Final = 1024
"""Characters after which an answer that is only counted is looked through: together, which is cheaper, but not all at the end."""
CONTEXT: Final = 64
"""Characters before that can announce a value."""
_WORDS_BACK: Final = 40
_PLAIN: Final = re.compile(r"[(\"'„“«]?[a-z\xdf-\xf6\xf8-\xff]+[,;!?)\"'”»]*")

Scan = Callable[[str], list[Span]]


class OutputFilter:
    """Looks through one answer, each channel of it by itself. `found` counts by type what there was, in all channels."""

    __slots__ = ("_flagged", "_phrase", "_scan", "found", "masks")

    def __init__(self, scan: Scan, *, masks: bool, flagged: frozenset[str], phrase: int) -> None:
        """`scan` gives the findings in a text, `flagged` are types that stay in it. Without `masks`, all do. `phrase` is how many
        words the longest phrase has that is looked for."""
        self._scan = scan
        self.masks = masks
        """Whether what is found is replaced, rather than only counted."""
        self._flagged = flagged
        self._phrase = phrase
        self.found: dict[str, int] = {}

    def channel(self) -> OutputChannel:
        """For one choice's text, or one call's arguments."""
        return OutputChannel(self)

    def masked(self, text: str) -> str:
        """A whole text as it may be kept. Counts nothing."""
        return self._replaced(text, self._spans(text)) if self.masks else text

    def _spans(self, text: str) -> list[Span]:
        """Findings of a text; what is within a placeholder is none."""
        spans = self._scan(text)
        if not spans or "[" not in text:
            return spans
        written = [match.span() for match in WRITTEN.finditer(text)]
        return [span for span in spans if not any(start < span[1] and span[0] < end for start, end in written)]

    def _replaced(self, text: str, spans: list[Span], start: int = 0, end: int | None = None) -> str:
        """``text[start:end]`` with what is to be masked in it as ``[[TYPE]]``, which no request ever issues."""
        end = len(text) if end is None else end
        pieces: list[str] = []
        done = start
        for first, last, kind, *_ in spans:
            if last <= done or first >= end or kind in self._flagged:
                continue
            pieces += (text[done : max(first, done)], f"[[{kind}]]")
            done = last
        pieces.append(text[done:end])
        return "".join(pieces)

    def _held_from(self, text: str, start: int) -> int:
        """Where that part of ``text[start:]`` begins that could still become a finding, or part of one."""
        held = len(text)
        for back in range(_WORDS_BACK):
            end = start + len(text[start:held].rstrip())
            word = max(start, *(text.rfind(space, start, end) + 1 for space in " \n\t"))
            # The last word may go on, and so may a phrase.
            if word == end or (back >= self._phrase and _PLAIN.fullmatch(text, word, end)):
                break
            held = word
        return held


class OutputChannel:
    """``"".join(feed(chunk) …) + finish()`` is the channel's text with what was found in it masked, where that is wanted."""

    __slots__ = ("_context", "_filter", "_held")

    def __init__(self, output: OutputFilter) -> None:
        self._filter = output
        self._context = ""
        self._held = ""

    def feed(self, chunk: str) -> str:
        """What can be passed on now that `chunk` has come; may be empty. Raises ScanFailed."""
        self._held += chunk
        if not self._filter.masks and len(self._held) < COUNTED_AT:
            return chunk
        start = len(self._context)
        text = self._context + self._held
        cut = self._filter._held_from(text, start)
        if len(text) - cut > MOST_HELD:
            cut = len(text) - MOST_HELD // 2
        # What is let go is worth another look at what is not.
        worth = cut - start > (len(text) - cut) // 4 or len(text) - start > MOST_HELD
        passed = self._passed(text, start, cut) if worth else ""
        return passed if self._filter.masks else chunk

    def finish(self) -> str:
        """The rest. Raises ScanFailed."""
        start = len(self._context)
        text = self._context + self._held
        if self._filter.masks:
            return self._passed(text, start, len(text))
        self._count(self._filter._spans(text), start, len(text))
        self._held = ""
        return ""

    def _passed(self, text: str, start: int, cut: int) -> str:
        spans = self._filter._spans(text)
        for first, last, *_ in spans:
            if first < cut < last:
                # It is let go whole: later, or now if it is too long to wait for.
                cut = first if start <= first and len(text) - first <= MOST_HELD else last
                break
        self._count(spans, start, cut)
        passed = self._filter._replaced(text, spans, start, cut)
        self._context = text[max(0, cut - CONTEXT) : cut]
        self._held = text[cut:]
        return passed

    def _count(self, spans: list[Span], start: int, end: int) -> None:
        found = self._filter.found
        for first, last, kind, *_ in spans:
            if last > start and first < end:
                found[kind] = found.get(kind, 0) + 1
