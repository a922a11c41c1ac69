"""What can go wrong in words a caller can act on. No message carries a word of a prompt or an answer."""

from __future__ import annotations

from inference.engine.protocol import EngineError


class CheckpointError(Exception):
    """A checkpoint folder cannot be served; the message names the file or tensor and what to do about it."""


class NoKernels(Exception):
    """A GPU has no kernels for a decoder, and its network has to serve; the message says why."""


class Refusal(Exception):
    """A request ends with `error` instead of a result."""

    def __init__(self, error: EngineError) -> None:
        super().__init__(error.code)
        self.error = error


def refuse(
    status: int, code: str, message: str, *, param: str | None = None, retry_after_s: float | None = None
) -> Refusal:
    """The Refusal to raise for an HTTP `status` and an OpenAI-style `code`."""
    return Refusal(EngineError(status=status, code=code, message=message, param=param, retry_after_s=retry_after_s))


def nonfinite(what: str) -> EngineError:
    return EngineError(
        500,
        "nonfinite_output",
        f"the model's output for this {what} was not finite; try another {what} or another model",
    )


ERASED = EngineError(410, "request_erased", "what this request was working on was erased meanwhile")
DEADLINE = EngineError(504, "deadline_exceeded", "the answer was not there by the request's deadline; allow more time")


def failed(error: EngineError) -> bool:
    """Whether it is the model's failing, and not the caller's, a deadline's, or an engine's that is stopping."""
    return error.status == 500
