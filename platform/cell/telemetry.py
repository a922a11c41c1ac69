"""What a process says about itself: JSON log lines on stderr, and Prometheus metrics. Never what people wrote.

A line has an event name, the fields that `FIELDS` allows and nothing else: a field that is not on the list is dropped and
its name reported, so that a careless call shows in the log instead of showing a person. An exception is its type and the
places it went through; its message may hold anything, and is never written.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from types import TracebackType
from typing import Any, cast

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

# fmt: off
FIELDS = frozenset({
    "event", "level", "timestamp", "module", "exception", "dropped",
    "process", "pid", "port", "path_template", "method", "status", "duration_ms", "signal", "exit_code", "restarts",
    "region", "cell", "workspace", "organization", "request", "entry", "erasure", "export", "job", "kind", "state", "attempt",
    "lease_s", "key", "tree", "size", "model", "device", "lane", "batch", "count", "bytes", "entries", "rows", "chunks", "days",
    "reason", "code", "role", "version", "alias", "database", "channel",
})
# fmt: on
"""Names of fields that may be written: numbers, states and opaque ids."""

_PLAIN = (str, int, float, bool, type(None))
_LONGEST_VALUE = 200
_ExceptionTriple = tuple[type[BaseException], BaseException, TracebackType | None]


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; call it as ``log.info("job.done", job=…, duration_ms=…)`` with fields of `FIELDS`."""
    return cast(structlog.stdlib.BoundLogger, structlog.get_logger(module=name))


def configure_logging(_settings: Mapping[str, Any] | None = None) -> None:
    """Sets up structlog and the standard library's logging for this process. Django calls it with its LOGGING."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _exception,
            allow_listed,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = _LibraryHandler()
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("django").handlers[:] = []
    # Uvicorn's access log would hold paths and query strings.
    for noisy in ("uvicorn.access", "django.request", "django.server", "django.security"):
        logging.getLogger(noisy).propagate = False
        logging.getLogger(noisy).handlers[:] = [logging.NullHandler()]


def allow_listed(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: keeps what is allowed, names what was dropped."""
    kept = {name: _plain(value) for name, value in event.items() if name in FIELDS}
    dropped = sorted(name for name in event if name not in FIELDS)
    if dropped:
        kept["dropped"] = [name[:40] for name in dropped]
    return kept


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    text = value if isinstance(value, _PLAIN) else str(value)
    return text[:_LONGEST_VALUE] if isinstance(text, str) else text


def _exception(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    triple = _triple(event.pop("exc_info", None))
    if triple is not None:
        event["exception"] = describe(triple[1])
    return event


def describe(error: BaseException) -> list[str]:
    """Type and places of `error` and what caused it, outermost first, without messages or values."""
    lines: list[str] = []
    current: BaseException | None = error
    while current is not None and len(lines) < 60:
        lines.append(f"{type(current).__module__}.{type(current).__qualname__}")
        frames = traceback.extract_tb(current.__traceback__)[-12:]
        lines += [f"  {frame.name} ({frame.filename.rpartition('/')[2]}:{frame.lineno})" for frame in frames]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return lines


def _triple(given: object) -> _ExceptionTriple | None:
    if isinstance(given, BaseException):
        return type(given), given, given.__traceback__
    if isinstance(given, tuple) and len(given) == 3 and given[1] is not None:
        return cast(_ExceptionTriple, given)
    if given:
        kind, error, trace = sys.exc_info()
        if kind is not None and error is not None:
            return kind, error, trace
    return None


class _LibraryHandler(logging.Handler):
    """Lines of libraries: where, how grave, and the template of the message without its values, which may quote a request."""

    def emit(self, record: logging.LogRecord) -> None:
        log = get_logger(record.name)
        fields: dict[str, Any] = {"code": f"{record.module}:{record.lineno}"}
        if record.args:
            # With arguments apart, the message is the constant that the library's author wrote.
            fields["reason"] = str(record.msg)
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        log.log(record.levelno, "library.message", **fields)


def counters(
    name: str, meaning: str, label: str, values: Iterable[str], *, registry: CollectorRegistry = REGISTRY
) -> Mapping[str, Counter]:
    """One counter for each of the closed set `values` of `label`, bound once: a hot path only calls ``.inc()``.

    A closed set is also what keeps a label from ever holding what somebody wrote.
    """
    family = Counter(name, meaning, [label], registry=registry)
    return {value: family.labels(value) for value in values}


def histograms(
    name: str,
    meaning: str,
    label: str,
    values: Iterable[str],
    *,
    buckets: Sequence[float] = Histogram.DEFAULT_BUCKETS,
    registry: CollectorRegistry = REGISTRY,
) -> Mapping[str, Histogram]:
    """One histogram for each of the closed set `values` of `label`, as in `counters`."""
    family = Histogram(name, meaning, [label], buckets=buckets, registry=registry)
    return {value: family.labels(value) for value in values}
