"""What a request is in a trace: OpenTelemetry's GenAI conventions, of them only what is a number, a state or a name of ours.

Of a caller there are numbers, too short to stand for a person, and the id of the trace that its `traceparent` names. Texts,
stop sequences, subjects, workspaces and keys never are; `tracestate` and `baggage` may hold anything, and are not read.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any

from inference.engine.protocol import Timings
from inference.gateway.errors import ApiError
from inference.gateway.http import Header, Scope
from inference.gateway.schemas import InferenceRequest

if TYPE_CHECKING:
    # It holds all of OpenTelemetry, which a process without a collector does not import.
    from cell.traces import Attributes, Parent, Traces
    from inference.gateway.exchange import Exchange

OPERATIONS = {"chat": "chat", "completion": "text_completion", "embedding": "embeddings"}
"""GenAI's names of our endpoints."""
_NUMBERS = (
    ("temperature", "gen_ai.request.temperature"),
    ("top_p", "gen_ai.request.top_p"),
    ("top_k", "gen_ai.request.top_k"),
    ("frequency_penalty", "gen_ai.request.frequency_penalty"),
    ("presence_penalty", "gen_ai.request.presence_penalty"),
    ("n", "gen_ai.request.choice.count"),
    ("dimensions", "gen_ai.embeddings.dimension.count"),
)
"""Fields of requests and their attributes. Not `seed`: any number of 19 digits could be one, a person's as well."""
LARGEST = 1_000_000
"""A larger number is no limit of ours, and may be a caller's."""
DECIMALS = 4
_TRACEPARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")


class Spans:
    """One span for each request of a key that is known, made when it has been answered."""

    def __init__(self, traces: Traces) -> None:
        self._traces = traces

    def ended(
        self,
        scope: Scope,
        endpoint: str,
        request_id: str,
        status: int,
        error: ApiError | None,
        exchange: Exchange | None,
    ) -> None:
        """`exchange` is None if the request was refused before there was one."""
        operation = OPERATIONS[endpoint]
        parent = parent_of(scope["headers"])
        if not self._traces.wants(parent):
            return
        now, ended_ns = perf_counter(), time_ns()
        began_ns = ended_ns - _ns(now - scope["bailiwick.began"])
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": "bailiwick",
            "gen_ai.system": "bailiwick",
            "gen_ai.response.id": request_id,
            "http.response.status_code": status,
        }
        name, parts = operation, []
        if exchange is not None:
            admission, ending = exchange.admission, exchange.ending
            name = f"{operation} {admission.request.model}"
            attributes |= _asked(admission.request)
            attributes["bailiwick.lane"] = admission.lane
            error = error or exchange.failure
            if ending is not None and ending.status == "completed":
                attributes["gen_ai.usage.input_tokens"] = ending.prompt_tokens
                if operation != "embeddings":
                    attributes["gen_ai.usage.output_tokens"] = ending.completion_tokens
                if ending.finish_reason is not None:
                    attributes["gen_ai.response.finish_reasons"] = (ending.finish_reason,)
                if ending.timings is not None:
                    answered_ns = ended_ns - _ns(now - exchange.answered_at)
                    parts = _engine_parts(ending.timings, began_ns, answered_ns)
        if error is not None or status >= 400:
            attributes["error.type"] = _error_type(error, status)
        self._traces.add(name, attributes, began_ns, ended_ns, parent=parent, failed=status >= 500, parts=parts)


def parent_of(headers: Iterable[Header]) -> Parent | None:
    """Trace and span of the one valid `traceparent`, version 00 of W3C's; None without one."""
    given = [value for name, value in headers if name == b"traceparent"]
    match = _TRACEPARENT.fullmatch(given[0]) if len(given) == 1 else None
    return None if match is None else (int(match[1], 16), int(match[2], 16))


def _asked(request: InferenceRequest) -> Attributes:
    """The model, which by now is one that is served, and the numbers of the request."""
    asked: dict[str, Any] = {"gen_ai.request.model": request.model}
    limit = getattr(request, "max_completion_tokens", None)
    _put(asked, "gen_ai.request.max_tokens", getattr(request, "max_tokens", None) if limit is None else limit)
    for field, attribute in _NUMBERS:
        _put(asked, attribute, getattr(request, field, None))
    if request.stream:
        asked["gen_ai.request.stream"] = True
    return asked


def _put(attributes: dict[str, Any], name: str, number: float | None) -> None:
    if number is not None and abs(number) <= LARGEST:
        attributes[name] = round(number, DECIMALS) if isinstance(number, float) else number


def _error_type(error: ApiError | None, status: int) -> str:
    if error is not None:
        return error.code
    return "cancelled" if status == 499 else str(status)


def _engine_parts(timings: Timings, began_ns: int, answered_ns: int) -> list[tuple[str, int, int]]:
    """The engine's durations one behind the other, the last ending when its answer was there: when it began is not known,
    because its clock is not ours."""
    parts = []
    end = answered_ns
    for name, seconds in (
        ("engine.decode", timings.decode_s),
        ("engine.prefill", timings.prefill_s),
        ("engine.queue", timings.queue_s),
    ):
        begin = max(began_ns, end - _ns(seconds))
        if seconds or name != "engine.decode":  # there is none of an embedding, nor of a single token
            parts.append((name, begin, end))
        end = begin
    return parts


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
