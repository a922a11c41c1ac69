from __future__ import annotations

import json
import subprocess
import sys

from prometheus_client import CollectorRegistry, generate_latest

from cell.telemetry import counters, describe, histograms

PROGRAM = """
import logging
from cell.telemetry import configure_logging, get_logger
configure_logging({})
log = get_logger("here")
log.info("job.done", job="job_eude1_1", duration_ms=3, prompt="CANARY", email="CANARY")
def fail(secret):
    raise ValueError("CANARY " + secret)
try:
    fail("CANARY")
except ValueError as error:
    log.warning("job.failed", exc_info=error)
    logging.getLogger("library").error("no contact with %s", "CANARY", exc_info=True)
logging.getLogger("library").error(f"CANARY")
logging.getLogger("uvicorn.access").error("GET /CANARY")
"""


def test_a_log_line_holds_what_is_allowed_and_names_what_was_dropped():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "CANARY" not in done.stderr
    first, second, third, fourth = (json.loads(line) for line in done.stderr.splitlines())
    assert first["event"] == "job.done"
    assert first["job"] == "job_eude1_1"
    assert first["duration_ms"] == 3
    assert first["dropped"] == ["email", "prompt"]
    assert second["exception"][0] == "builtins.ValueError"
    assert second["exception"][-1].startswith("  fail (")
    assert third["event"] == "library.message"
    assert third["reason"] == "no contact with %s"
    assert third["level"] == fourth["level"] == "error"
    assert "reason" not in fourth


def test_a_description_goes_through_the_causes():
    try:
        try:
            raise KeyError("CANARY")
        except KeyError as inner:
            raise RuntimeError("CANARY") from inner
    except RuntimeError as error:
        lines = describe(error)
    assert [line for line in lines if not line.startswith(" ")] == ["builtins.RuntimeError", "builtins.KeyError"]
    assert "CANARY" not in "".join(lines)


def test_metrics_are_bound_to_a_closed_set_of_labels():
    registry = CollectorRegistry()
    counters("jobs_total", "Jobs that ended", "state", ["done", "failed"], registry=registry)["done"].inc()
    histograms("job_seconds", "Time of a job", "state", ["done"], buckets=(1, 10), registry=registry)["done"].observe(3)
    text = generate_latest(registry).decode()
    assert 'jobs_total{state="done"} 1.0' in text
    assert 'jobs_total{state="failed"} 0.0' in text
    assert 'job_seconds_bucket{le="10.0",state="done"} 1.0' in text
