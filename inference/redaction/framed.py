"""A text that frames other texts: the scanner reads all of it, but only its leaves are replaced.

The values of a JSON document say what they are by their keys (``{"born": "1990-01-02"}``), so they are looked at where they stand,
and given back one by one: whatever is replaced in them, the document around them stays one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from .finding import Span


class Leaf(NamedTuple):
    """``text[start:end]`` of a frame. `is_name`: it names others, and is replaced only by what lies within it."""

    start: int
    end: int
    is_name: bool = False


class Framed(str):
    """A text with its leaves, in order and apart. Wherever texts are redacted it may stand among them: it then gives as many
    texts as it has leaves, in their order."""

    __slots__ = ("leaves",)

    leaves: tuple[Leaf, ...]

    def __new__(cls, text: str, leaves: Sequence[Leaf]) -> Framed:
        made = super().__new__(cls, text)
        made.leaves = tuple(leaves)
        return made

    def pieces(self) -> list[str]:
        """The leaves' texts as they are."""
        return [self[leaf.start : leaf.end] for leaf in self.leaves]

    def within(self, spans: list[Span]) -> list[list[Span]]:
        """By leaf, the parts of `spans` in it, as offsets into the leaf."""
        inside: list[list[Span]] = [[] for _ in self.leaves]
        starts = [leaf.start for leaf in self.leaves] if spans else []
        for start, end, kind, score, layer in spans:
            place = max(0, bisect_right(starts, start) - 1)
            whole = place < len(starts) and end <= self.leaves[place].end
            while place < len(starts) and self.leaves[place].start < end:
                leaf = self.leaves[place]
                first, last = max(start, leaf.start), min(end, leaf.end)
                if first < last and (whole or not leaf.is_name):
                    inside[place].append((first - leaf.start, last - leaf.start, kind, score, layer))
                place += 1
        return inside


def expanded(texts: Sequence[str]) -> list[str]:
    """`texts` with the leaves of each that frames some in its place, as redaction gives them back, but as they are."""
    return [piece for text in texts for piece in (text.pieces() if isinstance(text, Framed) else (text,))]
