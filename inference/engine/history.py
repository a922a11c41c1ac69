"""Which tokens an answer has met so far, for penalties. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable


class History:
    """Distinct tokens in the order of their first appearance, each with how often the answer holds it."""

    __slots__ = ("_places", "counts", "tokens")

    def __init__(self, prompt: Iterable[int] = ()) -> None:
        """Tokens of `prompt` are known with a count of 0: repetition penalties reach them, the others do not."""
        self.tokens: list[int] = []
        self.counts: list[int] = []
        self._places: dict[int, int] = {}
        for token in prompt:
            self._place(token)

    def __len__(self) -> int:
        return len(self.tokens)

    def add(self, token: int) -> None:
        """Notes one more token of the answer."""
        self.counts[self._place(token)] += 1

    def _place(self, token: int) -> int:
        place = self._places.get(token)
        if place is None:
            place = self._places[token] = len(self.tokens)
            self.tokens.append(token)
            self.counts.append(0)
        return place
