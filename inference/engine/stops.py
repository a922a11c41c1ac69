"""Stop strings on text that arrives in pieces."""

from __future__ import annotations


class StopScanner:
    """Holds back exactly the tail that may still become a stop string, so that none of it is ever given out."""

    __slots__ = ("_held", "_stops")

    def __init__(self, stops: list[str]) -> None:
        """`stops` are non-empty strings."""
        self._stops = stops
        self._held = ""

    def push(self, piece: str) -> tuple[str, bool]:
        """The text that may go out now, and whether a stop string was met; text from the stop string on is dropped."""
        if not self._stops:
            return piece, False
        text = self._held + piece
        found = min((at for stop in self._stops if (at := text.find(stop)) >= 0), default=-1)
        if found >= 0:
            self._held = ""
            return text[:found], True
        hold = max(_overlap(text, stop) for stop in self._stops)
        self._held = text[len(text) - hold :]
        return text[: len(text) - hold], False

    def flush(self) -> str:
        """The tail that was held and became no stop string; for the end of an answer."""
        text, self._held = self._held, ""
        return text


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` with which `stop` begins."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
