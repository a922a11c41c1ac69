from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from uuid import uuid4

import pytest
from django.db import connection

from cell import jobs
from cell.access import WorkspaceRef
from cell.config import config
from cell.ids import uuid7
from cell.jobs import Again, LeaseLost, handler
from cell.jobs.lease import claim
from cell.jobs.registry import UnknownKind
from cell.models import Job
from cell.tenancy import workspace_scope

pytestmark = pytest.mark.usefixtures("committed")

_ran: list[tuple[str, int]] = []


@handler("test.count")
def count(lease):
    _ran.append((lease.args["name"], lease.attempt))
    return {"name": lease.args["name"]}


@handler("test.fail", max_attempts=2)
def fail(lease):
    raise RuntimeError("what a person wrote: CANARY")


@handler("test.wait")
def wait(lease):
    if lease.args["ready"] == "no":
        raise Again(0.0)


@handler("test.short", lease_s=0.3)
def short(lease):
    return None


def a_workspace() -> WorkspaceRef:
    return WorkspaceRef(uuid7(), uuid7(), config().region)


def put(kind: str, workspace: WorkspaceRef | None = None, **args: str):
    return jobs.enqueue(kind, workspace=workspace, effect_key=uuid4().hex, args=args)


def state_of(job, workspace: WorkspaceRef):
    with workspace_scope(workspace):
        return jobs.status(job)


def test_a_job_runs_once_and_keeps_its_result():
    workspace = a_workspace()
    job = put("test.count", workspace, name="one")
    assert state_of(job, workspace).state == "queued"
    assert job in jobs.due()
    assert jobs.run(job) is True
    assert jobs.run(job) is False
    done = state_of(job, workspace)
    assert (done.state, done.result, done.attempts) == ("done", {"name": "one"}, 1)
    assert _ran.count(("one", 1)) == 1
    assert job not in jobs.due()


def test_the_same_effect_is_enqueued_once_for_a_tenant_and_once_for_another():
    one, two = a_workspace(), a_workspace()
    first = jobs.enqueue("test.count", workspace=one, effect_key="same", args={"name": "a"})
    assert jobs.enqueue("test.count", workspace=one, effect_key="same", args={"name": "b"}) == first
    assert jobs.enqueue("test.count", workspace=two, effect_key="same", args={"name": "a"}) != first


def test_a_job_of_a_rolled_back_transaction_never_was():
    workspace = a_workspace()
    with pytest.raises(KeyError), workspace_scope(workspace):
        job = jobs.enqueue("test.count", workspace=workspace, effect_key="x", args={"name": "a"})
        raise KeyError
    assert state_of(job, workspace) is None


def test_an_unknown_kind_is_refused_at_once():
    with pytest.raises(UnknownKind):
        put("test.unheard-of")


def test_a_failure_is_tried_again_and_given_up_at_the_limit_without_its_message():
    workspace = a_workspace()
    job = put("test.fail", workspace)
    assert jobs.run(job)
    waiting = state_of(job, workspace)
    assert (waiting.state, waiting.error) == ("queued", "RuntimeError")
    assert jobs.run(job) is False  # its wait is not over
    make_due(job, workspace)
    assert jobs.run(job)
    given_up = state_of(job, workspace)
    assert (given_up.state, given_up.attempts, given_up.error) == ("failed", 2, "RuntimeError")
    with workspace_scope(workspace):
        assert "CANARY" not in str(Job.objects.filter(pk=job).values())


def test_a_job_that_waits_does_not_use_up_attempts():
    workspace = a_workspace()
    job = put("test.wait", workspace, ready="no")
    for _ in range(20):
        assert jobs.run(job)
    assert state_of(job, workspace).attempts == 0
    with workspace_scope(workspace):
        Job.objects.filter(pk=job).update(args={"ready": "yes"})
    assert jobs.run(job)
    assert state_of(job, workspace).state == "done"


def test_a_live_lease_keeps_others_out_and_a_dead_one_lets_them_in():
    workspace = a_workspace()
    job = put("test.short", workspace)
    zombie = claim(job)
    assert zombie is not None
    assert claim(job) is None
    assert jobs.run(job) is False
    zombie.extend()
    time.sleep(0.35)
    assert job in jobs.due()
    heir = claim(job)
    assert heir is not None
    assert heir.attempt == 2
    with pytest.raises(LeaseLost), zombie.transaction():
        pytest.fail("the zombie got in")
    for late in (zombie.extend, lambda: zombie.complete({"by": "zombie"}), lambda: zombie.fail(KeyError())):
        with pytest.raises(LeaseLost):
            late()
    heir.complete({"by": "heir"})
    assert state_of(job, workspace).result == {"by": "heir"}


def test_what_a_lost_lease_was_about_to_commit_is_not_committed():
    workspace = a_workspace()
    job, other = put("test.short", workspace), put("test.count", workspace, name="x")
    lease = claim(job)
    assert lease is not None
    time.sleep(0.35)
    with pytest.raises(LeaseLost), lease.transaction():
        Job.objects.filter(pk=other).update(error="effect")
    assert state_of(other, workspace).error == ""


def test_a_job_of_the_cell_belongs_to_no_tenant():
    job = jobs.enqueue("test.count", effect_key=uuid4().hex, args={"name": "cell"})
    assert jobs.run(job)
    assert jobs.status(job).state == "done"


def test_a_killed_worker_leaves_a_job_that_another_one_ends(tmp_path):
    workspace = a_workspace()
    job = put("test.short", workspace)
    started = tmp_path / "started"
    program = f"""
import django, os, pathlib, time
django.setup()
from cell.jobs import handler, run
from uuid import UUID
@handler("test.short", lease_s=0.3)
def sleep(lease):
    pathlib.Path({str(started)!r}).touch()
    time.sleep(60)
run(UUID({str(job)!r}))
"""
    worker = subprocess.Popen(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    try:
        deadline = time.monotonic() + 30
        while not started.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert jobs.run(job) is False
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    time.sleep(0.4)
    assert jobs.run(job)
    assert (state_of(job, workspace).state, state_of(job, workspace).attempts) == ("done", 2)


def test_a_broker_that_is_away_costs_no_job_and_little_time():
    program = """
import django, time
django.setup()
from uuid import uuid4
from cell import jobs
from cell.jobs import handler
handler("test.far")(lambda lease: None)
begun = time.monotonic()
job = jobs.enqueue("test.far", effect_key=uuid4().hex, args={})
print(time.monotonic() - begun < 2, job in jobs.due())
"""
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "BAILIWICK_REDIS_URL": "redis+socket:///none/redis.sock",
    }
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"
    assert "job.wake.deferred" in done.stderr


def make_due(job, workspace: WorkspaceRef) -> None:
    with workspace_scope(workspace), connection.cursor() as cursor:
        cursor.execute("update cell_job set run_after = now() where id = %s", [job])
