"""One choice as the caller gets it: its text and its tool calls, each looked through where the workspace wants it, and what was
redacted put back."""

from __future__ import annotations

from collections.abc import Callable

from inference.gateway.calls import Argued, CallReader, Opened, Piece, Said
from inference.gateway.schemas import ChatRequest, CompletionRequest
from inference.redaction import OutputFilter, PlaceholderMap


class _Channel:
    """What one stream of the engine's text goes through: what the model wrote is looked at, then the caller's values come in."""

    __slots__ = ("_restoring", "_scanning")

    def __init__(self, placeholders: PlaceholderMap | None, output: OutputFilter | None, *, in_json: bool) -> None:
        self._scanning = None if output is None else output.channel()
        self._restoring = None if placeholders is None else placeholders.stream(in_json=in_json)

    def feed(self, text: str) -> str:
        if self._scanning is not None:
            text = self._scanning.feed(text)
        return text if self._restoring is None else self._restoring.feed(text)

    def finish(self) -> str:
        rest = "" if self._scanning is None else self._scanning.finish()
        return rest if self._restoring is None else self._restoring.feed(rest) + self._restoring.finish()


class Reply:
    """Turns the engine's text into pieces for the caller.

    Every channel, the text and each call's arguments, is looked through and restored by itself: a placeholder that runs from one
    into another was never one.
    """

    __slots__ = ("_arguments", "_idle", "_output", "_placeholders", "_reader", "_text")

    def __init__(
        self,
        placeholders: PlaceholderMap | None,
        *,
        calls: bool,
        in_json: bool,
        output: OutputFilter | None = None,
    ) -> None:
        """`calls` reads tool calls out of the text; `in_json` says that the text is JSON, whose strings escape what is put back;
        `output` looks through what the model wrote."""
        self._placeholders = placeholders or None
        self._output = output
        self._idle = self._placeholders is None and output is None
        self._reader = CallReader() if calls else None
        self._text = _Channel(self._placeholders, output, in_json=in_json)
        self._arguments: _Channel | None = None

    @property
    def called(self) -> bool:
        return self._reader is not None and self._reader.calls > 0

    def feed(self, text: str) -> list[Piece]:
        """Raises RedactionError."""
        if self._reader is not None:
            return [passed for piece in self._reader.feed(text) for passed in self._passed(piece)]
        text = self._text.feed(text)
        return [Said(text)] if text else []

    def finish(self) -> list[Piece]:
        """The rest, once the choice has ended. Raises RedactionError."""
        pieces: list[Piece] = []
        if self._reader is not None:
            pieces = [passed for piece in self._reader.finish() for passed in self._passed(piece)]
        rest = self._text.finish()
        return [*pieces, Said(rest)] if rest else pieces

    def _passed(self, piece: Piece) -> list[Piece]:
        if self._idle:
            return [piece]
        if isinstance(piece, Said):
            text = self._text.feed(piece.text)
            return [Said(text)] if text else []
        if isinstance(piece, Opened):
            self._arguments = self._call()
            rest = self._text.finish()
            return [Said(rest), piece] if rest else [piece]
        channel = self._arguments or self._call()
        text = channel.feed(piece.text) + (channel.finish() if piece.last else "")
        return [Argued(piece.index, text, piece.last)] if text or piece.last else []

    def _call(self) -> _Channel:
        return _Channel(self._placeholders, self._output, in_json=True)


ReplyMaker = Callable[[], Reply]
"""Makes the reply of each choice of a request."""


def reply_maker(
    request: ChatRequest | CompletionRequest, placeholders: PlaceholderMap | None, output: OutputFilter | None = None
) -> ReplyMaker | None:
    """None where the engine's text is the caller's as it comes."""
    calls, in_json = request.calls_tools, request.answers_json
    if not placeholders and not calls and output is None:
        return None
    return lambda: Reply(placeholders, calls=calls, in_json=in_json, output=output)
