"""Spans on their way to a collector, or to none."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from typing import Any

import pytest
from prometheus_client import REGISTRY

from cell.traces import QUEUE_SPANS, Traces
from tests.collector import collecting, values

PROGRAM = """
import sys
from cell.telemetry import configure_logging
from cell.traces import Traces
configure_logging({})
traces = Traces(endpoint=sys.argv[1], ratio=1.0, resource={})
for line in sys.stdin:
    traces.add("chat m", {}, 1, 2)
traces.close()
"""

RESOURCE = {"service.name": "bailiwick", "cloud.region": "eu-de-1"}


def traces(endpoint: str, ratio: float = 1.0) -> Traces:
    return Traces(endpoint=endpoint, ratio=ratio, resource=RESOURCE)


def add(to: Traces, name: str = "chat m", **more: Any) -> None:
    to.add(name, {"bailiwick.lane": "standard", "gen_ai.request.top_p": 0.5}, 1_000, 9_000, **more)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"bailiwick_spans_{name}_total", labels) or 0.0


@pytest.fixture
def nowhere() -> str:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_a_span_and_its_parts_arrive_as_they_were_given() -> None:
    before = counted("exported")
    with collecting() as collector:
        tracing = traces(collector.endpoint)
        add(tracing, parent=(0xABC, 0xDEF), failed=True, parts=[("engine.queue", 2_000, 3_000)])
        add(tracing, "embeddings e")
        tracing.close()

    part, span, other = collector.spans
    assert collector.received[0].startswith(b"POST /v1/traces ")
    assert collector.resources == [RESOURCE]
    assert (span.name, span.kind, span.status.code) == ("chat m", span.SPAN_KIND_SERVER, 2)
    assert (int.from_bytes(span.trace_id), int.from_bytes(span.parent_span_id)) == (0xABC, 0xDEF)
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1_000, 9_000)
    assert values(span) == {"bailiwick.lane": "standard", "gen_ai.request.top_p": 0.5}
    assert (part.name, part.kind) == ("engine.queue", part.SPAN_KIND_INTERNAL)
    assert (part.trace_id, part.parent_span_id) == (span.trace_id, span.span_id)
    assert (part.start_time_unix_nano, part.end_time_unix_nano) == (2_000, 3_000)
    assert (other.parent_span_id, other.status.code) == (b"", 0)
    assert other.trace_id not in (b"", span.trace_id)
    assert counted("exported") == before + 3


def test_a_collector_that_is_away_costs_spans_and_no_time(nowhere: str) -> None:
    before = counted("dropped", reason="collector") + counted("dropped", reason="queue")
    tracing = traces(nowhere)
    began = time.perf_counter()
    for _ in range(QUEUE_SPANS):
        add(tracing)
    handed_over_s = time.perf_counter() - began
    tracing.close()

    assert handed_over_s < 2.0
    assert time.perf_counter() - began < 16.0
    assert counted("dropped", reason="collector") + counted("dropped", reason="queue") == before + QUEUE_SPANS


def test_what_the_queue_cannot_hold_is_dropped_whole_and_counted(nowhere: str) -> None:
    before = counted("dropped", reason="queue")
    tracing = traces(nowhere)
    parts = [("engine.queue", 1, 2), ("engine.prefill", 2, 3), ("engine.decode", 3, 4)]
    for _ in range(QUEUE_SPANS):
        add(tracing, parts=parts)
    tracing.close()

    dropped = counted("dropped", reason="queue") - before
    assert dropped >= 2 * QUEUE_SPANS
    assert dropped % 4 == 0


def test_the_log_says_once_that_the_collector_is_away_and_once_that_it_is_back() -> None:
    with collecting() as collector:
        command = [sys.executable, "-c", PROGRAM, collector.endpoint]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            collector.status = 400
            for refused in range(1, 4):
                process.stdin.write("\n")
                process.stdin.flush()
                collector.wait(lambda: len(collector.received) == refused)  # noqa: B023  # called before the next turn
            collector.status = 200
            process.stdin.write("\n")
            process.stdin.flush()
            collector.wait(lambda: collector.spans)
            _, said = process.communicate()

    assert process.returncode == 0
    assert [json.loads(line)["event"] for line in said.splitlines()] == [
        "traces.collector.away",
        "traces.collector.back",
    ]
    assert len(collector.spans) == 1


def test_spans_follow_no_redirect() -> None:
    before = counted("dropped", reason="collector")
    with collecting() as other, collecting() as collector:
        collector.status = 307
        tracing = traces(collector.endpoint)
        add(tracing)
        tracing.close()

    assert len(collector.received) == 1
    assert other.received == []
    assert counted("dropped", reason="collector") == before + 1


def test_a_ratio_is_kept_and_is_the_same_for_all_of_a_trace() -> None:
    with collecting() as collector:
        tracing, all_of_them, none = (traces(collector.endpoint, ratio) for ratio in (0.25, 1.0, 0.0))
        drawn = sum(tracing.wants(None) for _ in range(4000))
        # As every other party to a trace decides that samples by its id
        assert tracing.wants(((7 << 64) + (1 << 62) - 1, 1))
        assert not tracing.wants(((7 << 64) + (1 << 62), 1))
        assert all_of_them.wants(None) and all_of_them.wants(((1 << 128) - 1, 1))
        assert not none.wants(None) and not none.wants((1 << 64, 1))
        for made in (tracing, all_of_them, none):
            made.close()

    assert 800 < drawn < 1200
