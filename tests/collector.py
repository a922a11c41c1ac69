"""An OpenTelemetry collector: takes OTLP over HTTP and keeps what it was sent, whole and decoded."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    port: int
    status: int = 200
    """What it answers."""
    received: list[bytes] = field(default_factory=list)
    """Heads and bodies, as they came."""
    spans: list[Span] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self, found: Callable[[], Any], timeout_s: float = 10.0) -> Any:
        """What `found` gives once it gives something."""
        until = time.monotonic() + timeout_s
        while not (answer := found()):
            if time.monotonic() > until:
                raise AssertionError(f"not among {[span.name for span in self.spans]}")
            time.sleep(0.02)
        return answer

    def of(self, request_id: str) -> Span:
        """The span of a request, waited for."""

        def find() -> Span | None:
            return next((span for span in self.spans if values(span).get("gen_ai.response.id") == request_id), None)

        span = self.wait(find)
        assert isinstance(span, Span)
        return span

    def parts(self, span: Span) -> dict[str, Span]:
        return {other.name: other for other in self.spans if other.parent_span_id == span.span_id}


def values(span: Span) -> dict[str, Any]:
    return {attribute.key: _value(attribute.value) for attribute in span.attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_value(item) for item in value.array_value.values] if kind == "array_value" else getattr(value, kind)


@contextmanager
def collecting(port: int = 0) -> Iterator[Collector]:
    """A collector on `port`, or on a free one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.received.append(f"{self.requestline}\n{self.headers}".encode() + body)
            if collector.status == 200:
                for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                    collector.resources.append({a.key: _value(a.value) for a in group.resource.attributes})
                    for scope in group.scope_spans:
                        collector.spans.extend(scope.spans)
            self.send_response(collector.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    collector = Collector(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
