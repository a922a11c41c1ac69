"""From a body's bytes to a checked request, or to an error that names the field and never repeats what is in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from inference.gateway.errors import ApiError, invalid
from inference.gateway.schemas import ChatRequest, CompletionRequest, EmbeddingRequest

_T = TypeVar("_T", ChatRequest, CompletionRequest, EmbeddingRequest)

_PATH = re.compile(r" - at `\$\.?(.*)`$")
_MISSING = re.compile(r"missing required field `(\w+)`")


def parser(kind: type[_T]) -> Callable[[bytes], _T]:
    """A function from a body's bytes to a checked request of `kind`; it raises ApiError 400."""
    decode = msgspec.json.Decoder(kind).decode

    def parse(body: bytes) -> _T:
        try:
            request = decode(body)
        except msgspec.ValidationError as error:
            raise _explained(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ApiError(400, "invalid_json", "The body is not valid JSON. Send one JSON object in UTF-8.") from None
        request.check()
        return request

    return parse


def _explained(message: str) -> ApiError:
    path = _PATH.search(message)
    param = path[1] if path else ""
    if missing := _MISSING.search(message):
        param = f"{param}.{missing[1]}" if param else missing[1]
        return invalid(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
    reason = _PATH.sub("", message)
    if reason.startswith("Invalid enum value"):
        reason = "It is not one of the allowed words"
    return invalid(f"Invalid '{param or 'body'}': {reason}.", param or None, "invalid_type")
