"""What a workspace that stores payloads keeps of a request: the redacted text that the engine was given and gave back."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from inference.engine.protocol import Choice, Delta, Embed, Generate, Request
from inference.redaction import OutputFilter

_json = msgspec.json.Encoder().encode


class Transcript:
    """Collects one request. Nothing in it was restored: it holds placeholders where the caller wrote personal data."""

    __slots__ = ("_answers", "_operations", "_output")

    def __init__(self, operations: Sequence[Request], output: OutputFilter | None = None) -> None:
        """`output` masks what the workspace does not want the model to say: it is not kept, either."""
        self._operations = operations
        self._output = output
        self._answers: dict[int, list[str]] = {}

    def hear(self, base: int, deltas: Sequence[Delta]) -> None:
        """Pieces of a streamed answer, whose choices are numbered from `base`."""
        for delta in deltas:
            self._answers.setdefault(base + delta.index, []).append(delta.text)

    def take(self, choice: Choice) -> None:
        """A choice that came whole, under its final index."""
        self._answers[choice.index] = [choice.text]

    @property
    def prompt(self) -> bytes:
        """JSON: for each operation its `messages`, `prompt` or `inputs`, and `tools` and `grammar` where it has them."""
        return _json([_asked(operation) for operation in self._operations])

    @property
    def looked_through(self) -> int:
        """Characters that `answer` has to look through, 0 if it masks none."""
        if self._output is None or not self._output.masks:
            return 0
        return sum(len(part) for parts in self._answers.values() for part in parts)

    @property
    def answer(self) -> bytes:
        """JSON: the text of each choice, in order; empty for embeddings, whose vectors are not kept. Raises RedactionError."""
        texts = ["".join(parts) for _, parts in sorted(self._answers.items())]
        return _json(texts if self._output is None else [self._output.masked(text) for text in texts])


def _asked(operation: Request) -> dict[str, object]:
    if isinstance(operation, Embed):
        return {"inputs": operation.inputs}
    if not isinstance(operation, Generate):
        raise TypeError("only inference is stored")
    asked: dict[str, object] = (
        {"prompt": operation.prompt} if operation.messages is None else {"messages": operation.messages}
    )
    if operation.tools:
        asked["tools"] = operation.tools
    if operation.grammar is not None:
        asked["grammar"] = operation.grammar
    return asked
