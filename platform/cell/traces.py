"""Spans of what this process did, for an OpenTelemetry collector: numbers, states and names of ours, never what people wrote.

This module is imported only where a collector is configured: a process that exports nothing has none of OpenTelemetry in it.

A span is made when all of it is known, and a thread of its own sends it. A collector that is away costs spans and nothing
else: they are counted, and the log says once that it is away and once that it is back.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from random import getrandbits, random
from time import monotonic

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue
from prometheus_client import Counter

from cell.telemetry import counters, get_logger

QUEUE_SPANS = 8192
"""Spans that wait for the collector; while there are more, those of further requests are dropped."""
BATCH_SPANS = 512
EVERY_S = 1.0
EXPORT_S = 5.0
"""A batch is tried again, ever more rarely, for this long."""

log = get_logger(__name__)

_exported = Counter("bailiwick_spans_exported_total", "Spans that the collector took")
_dropped = counters(
    "bailiwick_spans_dropped_total", "Spans that nobody got, by what was in the way", "reason", ("queue", "collector")
)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_FAILED, _UNSET = Status(StatusCode.ERROR), Status(StatusCode.UNSET)

Attributes = Mapping[str, AttributeValue]
Parent = tuple[int, int]
"""Trace id and span id of whoever called."""


class Traces:
    """For one thread, which never waits; `close` may be called by another."""

    def __init__(self, *, endpoint: str, ratio: float, resource: Mapping[str, str]) -> None:
        """`endpoint` is the collector's address without `/v1/traces`; `ratio` is the part of requests to trace, 0 to 1."""
        # The SDK logs every batch that it cannot send and every span that it drops; what matters of that is said here.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        session = requests.Session()
        # Spans go where the configuration says, and not through a proxy that some variable names.
        session.trust_env = False
        session.hooks["response"].append(_refuse_redirect)
        url = endpoint.rstrip("/") + "/v1/traces"
        self._exporter = _Counted(OTLPSpanExporter(endpoint=url, timeout=EXPORT_S, session=session))
        self._processor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=QUEUE_SPANS,
            schedule_delay_millis=EVERY_S * 1000,
            max_export_batch_size=BATCH_SPANS,
        )
        self._resource = Resource(resource)
        self._scope = InstrumentationScope("bailiwick")
        self._ratio = ratio
        self._bound = round(ratio * (1 << 64))
        self._given = 0

    def wants(self, parent: Parent | None) -> bool:
        """Whether to trace. Of a trace that began elsewhere all or nothing, by its id, as other parties to it decide too; what
        its flags ask for decides nothing, because callers would then set the price."""
        if parent is None:
            return self._ratio == 1 or random() < self._ratio
        return parent[0] & 0xFFFF_FFFF_FFFF_FFFF < self._bound

    def add(
        self,
        name: str,
        attributes: Attributes,
        began_ns: int,
        ended_ns: int,
        *,
        parent: Parent | None = None,
        failed: bool = False,
        parts: Sequence[tuple[str, int, int]] = (),
    ) -> None:
        """A served request, and the names and times of its `parts`; times are nanoseconds since 1970."""
        if self._given - self._exporter.taken + len(parts) >= QUEUE_SPANS:
            _dropped["queue"].inc(1 + len(parts))
            return
        self._given += 1 + len(parts)
        trace = getrandbits(128) or 1 if parent is None else parent[0]
        context = _context(trace)
        # Made directly: a tracer's spans, open, locked and limited, would cost a request 60 µs and these cost it 8.
        for part, part_began_ns, part_ended_ns in parts:
            self._processor.on_end(
                ReadableSpan(
                    part,
                    _context(trace),
                    context,
                    self._resource,
                    start_time=part_began_ns,
                    end_time=part_ended_ns,
                    instrumentation_scope=self._scope,
                )
            )
        self._processor.on_end(
            ReadableSpan(
                name,
                context,
                None if parent is None else SpanContext(trace, parent[1], is_remote=True, trace_flags=_SAMPLED),
                self._resource,
                attributes,
                kind=SpanKind.SERVER,
                status=_FAILED if failed else _UNSET,
                start_time=began_ns,
                end_time=ended_ns,
                instrumentation_scope=self._scope,
            )
        )

    def close(self) -> None:
        """Sends what waits and ends the thread, within three times `EXPORT_S`. What the collector does not take is dropped."""
        self._exporter.until = monotonic() + EXPORT_S
        self._processor.shutdown()


class _Counted(SpanExporter):
    """Counts what becomes of spans. For the processor's thread."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._away = False
        self.until: float | None = None
        """When a process that ends begins no more batches; None while it does not end."""
        self.taken = 0
        """Spans that are off the queue."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        # A process that ends does not wait for a collector that is away or slow, batch after batch.
        late = self.until is not None and (self._away or monotonic() > self.until)
        result = SpanExportResult.FAILURE if late else self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed:
            _dropped["collector"].inc(len(spans))
        else:
            _exported.inc(len(spans))
        if failed is not self._away:
            self._away = failed
            if failed:
                log.warning("traces.collector.away", count=len(spans))
            else:
                log.info("traces.collector.back")
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _refuse_redirect(response: requests.Response, **_: object) -> None:
    """The exporter follows none, but would take the spans for delivered."""
    if 300 <= response.status_code < 400:
        raise requests.TooManyRedirects


def _context(trace: int) -> SpanContext:
    return SpanContext(trace, getrandbits(64) or 1, is_remote=False, trace_flags=_SAMPLED)
