"""Three times as much as the engine can do, for a minute: what callers get, and what it does to the others and to memory.

Run by `make soak`. The load keeps to its clock whatever the answers do; one request in twenty is a realtime one.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tests.factories import Organization, make_key, make_workspace
from tests.inference.engine import checkpoints
from tests.inference.engine.conftest import EngineProcess
from tests.inference.gateway.overload import drive
from tests.inference.gateway.serving import serving
from workspaces.services import serving_update

SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))
WORKSPACES = 6
REALTIME_BUDGET_S = 2.0
"""The p95 of a realtime request's first text under overload; alone it takes some tens of milliseconds."""

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineProcess]:
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        checkpoints.save_decoder(Path(folder) / "models" / "endless", "qwen2", never_ends=True)
        process = EngineProcess(
            Path(folder), Path(folder) / "models", "--max-running", "16", "--max-waiting", "64", "--step-tokens", "64"
        )
        process.wait_for("engine.ready")
        yield process
        assert process.stop() == 0


@pytest.fixture(scope="module")
def keys(organization: Organization, django_db_blocker: Any) -> list[str]:
    made = []
    with django_db_blocker.unblock():
        for number in range(WORKSPACES):
            workspace = make_workspace(organization, name=f"Soak {number}")
            changes = {"requests_per_minute": 100_000, "tokens_per_minute": 100_000_000, "concurrency": 64}
            serving_update(actor=organization.owner, workspace=workspace, changes=changes)
            made.append(make_key(organization, workspace).token)
    return made


@pytest.mark.timeout(600)
def test_overload_is_refused_in_order_and_realtime_holds(engine: EngineProcess, keys: list[str]) -> None:
    with serving(engine_at=engine.socket) as served, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        able, seen = pool.submit(drive, served.port, keys, SECONDS, engine.process.pid).result()

    say(f"capacity {able:.1f} requests/s; {sum(seen.statuses.values())} sent in {SECONDS:.0f} s: {dict(seen.statuses)}")
    late = sorted(seen.late_s)
    say(
        f"sent late by p50 {late[len(late) // 2]:.3f} s, p99 {late[int(0.99 * len(late))]:.3f} s, at most {late[-1]:.3f} s"
    )
    assert late[int(0.99 * len(late))] < 0.5, "the load did not keep to its clock"
    answered = seen.statuses[200, ""]
    assert answered >= 0.5 * able * SECONDS
    assert {(status, code) for status, code in seen.statuses if status not in (429, 503)} == {(200, "")}
    assert seen.without_retry_after == 0
    first = sorted(seen.realtime_first_s)
    p95 = first[int(0.95 * (len(first) - 1))]
    say(
        f"realtime: {len(first)} of {seen.realtime_asked} answered, p50 {first[len(first) // 2]:.3f} s, p95 {p95:.3f} s"
    )
    assert len(first) >= 0.9 * seen.realtime_asked
    assert p95 <= REALTIME_BUDGET_S
    quarter = len(seen.memory_mb) // 4
    early, late = seen.memory_mb[quarter : 2 * quarter], seen.memory_mb[-quarter:]
    say(f"engine memory {min(early):.0f} to {max(early):.0f} MB early, {min(late):.0f} to {max(late):.0f} MB late")
    assert max(late) <= max(early) * 1.1 + 20


def say(text: str) -> None:
    sys.stderr.write(f"\n{text}")
