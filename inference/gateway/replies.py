"""One choice as the caller gets it: its text and its tool calls, what was redacted put back into each."""

from __future__ import annotations

from collections.abc import Callable

from inference.gateway.calls import Argued, CallReader, Opened, Piece, Said
from inference.gateway.schemas import ChatRequest, CompletionRequest
from inference.redaction import PlaceholderMap, RestoringStream


class Reply:
    """Turns the engine's text into pieces for the caller.

    Every channel, the text and each call's arguments, is restored by itself: a placeholder that runs from one into another was
    never one.
    """

    __slots__ = ("_arguments", "_placeholders", "_reader", "_text")

    def __init__(self, placeholders: PlaceholderMap | None, *, calls: bool, in_json: bool) -> None:
        """`calls` reads tool calls out of the text; `in_json` says that the text is JSON, whose strings escape what is put back."""
        self._placeholders = placeholders or None
        self._reader = CallReader() if calls else None
        self._text = None if self._placeholders is None else self._placeholders.stream(in_json=in_json)
        self._arguments: RestoringStream | None = None

    @property
    def called(self) -> bool:
        return self._reader is not None and self._reader.calls > 0

    def feed(self, text: str) -> list[Piece]:
        if self._reader is not None:
            return [restored for piece in self._reader.feed(text) for restored in self._restored(piece)]
        if self._text is not None:
            text = self._text.feed(text)
        return [Said(text)] if text else []

    def finish(self) -> list[Piece]:
        """The rest, once the choice has ended."""
        pieces: list[Piece] = []
        if self._reader is not None:
            pieces = [restored for piece in self._reader.finish() for restored in self._restored(piece)]
        rest = "" if self._text is None else self._text.finish()
        return [*pieces, Said(rest)] if rest else pieces

    def _restored(self, piece: Piece) -> list[Piece]:
        if self._placeholders is None or self._text is None:
            return [piece]
        if isinstance(piece, Said):
            text = self._text.feed(piece.text)
            return [Said(text)] if text else []
        if isinstance(piece, Opened):
            self._arguments = self._placeholders.stream(in_json=True)
            rest = self._text.finish()
            return [Said(rest), piece] if rest else [piece]
        stream = self._arguments or self._placeholders.stream(in_json=True)
        text = stream.feed(piece.text) + (stream.finish() if piece.last else "")
        return [Argued(piece.index, text, piece.last)] if text or piece.last else []


ReplyMaker = Callable[[], Reply]
"""Makes the reply of each choice of a request."""


def reply_maker(request: ChatRequest | CompletionRequest, placeholders: PlaceholderMap | None) -> ReplyMaker | None:
    """None where the engine's text is the caller's as it comes."""
    calls, in_json = request.calls_tools, request.answers_json
    if not placeholders and not calls:
        return None
    return lambda: Reply(placeholders, calls=calls, in_json=in_json)
