"""Tool calls in an answer's text: found while it comes, in the form in which the engine's grammar has them written.

    free text <tool_call>
    {"name": "NAME", "arguments": ARGUMENTS}
    </tool_call>

The grammar leaves no other form, and neither mark can stand within JSON: a line feed is escaped in its strings, and outside them
there is no ``<``. So the marks alone tell where a call begins and ends.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass

from inference.engine.protocol import TOOL_CALL_CLOSE, TOOL_CALL_OPEN

_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*')
_END = "}\n" + TOOL_CALL_CLOSE


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A call begins."""

    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Argued:
    """A piece of a call's arguments."""

    index: int
    text: str
    last: bool = False


Piece = Said | Opened | Argued


class CallReader:
    """Reads one choice. What may be the beginning of a mark is held back until it is one or not."""

    __slots__ = ("_held", "_state", "calls")

    def __init__(self) -> None:
        self._held = ""
        self._state = "text"
        self.calls = 0

    def feed(self, text: str) -> list[Piece]:
        """What is certain now that `text` has arrived."""
        self._held += text
        pieces: list[Piece] = []
        while self._advance(pieces):
            pass
        return pieces

    def finish(self) -> list[Piece]:
        """The rest of an answer that ended here, perhaps in the middle of a call."""
        held, self._held = self._held, ""
        if self._state == "arguments":
            return [Argued(self.calls - 1, held, last=True)]
        return [Said(held)] if held and self._state == "text" else []

    def _advance(self, pieces: list[Piece]) -> bool:
        """Passes on what it can; whether it reached a mark, so that there may be more."""
        if self._state == "text":
            return self._until(TOOL_CALL_OPEN, pieces)
        if self._state == "arguments":
            return self._until(_END, pieces)
        if self._state == "between":
            _, mark, rest = self._held.partition(TOOL_CALL_OPEN)
            if mark:
                self._held, self._state = rest, "head"
            return bool(mark)
        head = _HEAD.match(self._held)
        # The end of the match may still grow while nothing follows the spaces after the colon.
        if head is None or head.end() == len(self._held):
            return False
        self._held, self._state = self._held[head.end() :], "arguments"
        pieces.append(Opened(self.calls, f"call_{secrets.token_hex(12)}", json.loads(head[1])))
        self.calls += 1
        return True

    def _until(self, mark: str, pieces: list[Piece]) -> bool:
        before, found, rest = self._held.partition(mark)
        if not found:
            keep = next((size for size in range(len(mark) - 1, 0, -1) if self._held.endswith(mark[:size])), 0)
            before, rest = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        self._held = rest
        if self._state == "text":
            if before:
                pieces.append(Said(before))
            if found:
                self._state = "head"
        else:
            if before or found:
                pieces.append(Argued(self.calls - 1, before, last=bool(found)))
            if found:
                self._state = "between"
        return bool(found)
