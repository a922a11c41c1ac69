"""A worker's clock that jumps: nothing is destroyed or certified before its time, and no fence lets anything through."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from cell.ids import uuid7
from retention.erasures import erasure_get
from retention.expiry import expire
from retention.payloads import payload_open
from tests.factories import make_organization
from tests.peers import missing
from tests.retention.erasing import ask, download, job_of, rewrite_keys, run
from tests.retention.requests import payloads, serve

pytestmark = pytest.mark.usefixtures("committed")
WORKER = """
import json, sys
import django
django.setup()
from uuid import UUID
from django.utils import timezone
from cell import jobs
from retention import ageing, expiry
expiry.expire()
ageing.age_erasures()
for job in sys.argv[1:]:
    jobs.run(UUID(job))
print(json.dumps(timezone.now().isoformat()))
"""


def work_at(offset: str, *work: object) -> datetime:
    """Runs the periodic jobs, and the jobs in `work`, in a process whose clock is off. Returns what time it is there."""
    if shutil.which("faketime") is None:
        missing("faketime", "apt install faketime")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    command = ["faketime", "-f", offset, sys.executable, "-c", WORKER, *map(str, work)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return datetime.fromisoformat(json.loads(done.stdout.splitlines()[-1]))


def test_a_clock_that_is_ahead_ends_nothing_before_its_time(age_payloads, owner) -> None:
    organization = make_organization()
    workspace = organization.workspace
    old, fresh, gone = serve(workspace), serve(workspace), serve(workspace)
    info = ask(organization, gone)
    run(workspace, info)
    age_payloads(15, old)

    there = work_at("+40d")

    assert there - datetime.now(UTC) > timedelta(days=39)
    assert payloads(workspace) == {fresh}
    assert payload_open(workspace, fresh) is not None, "its day's key was kept, too"
    assert not erasure_get(workspace, info.id).beyond_recovery
    owner("update retention_erasure set erased_at = erased_at - interval '8 days' where id = %s", info.id)
    work_at("-2d")
    assert not erasure_get(workspace, info.id).beyond_recovery
    rewrite_keys()
    work_at("+0")
    assert erasure_get(workspace, info.id).beyond_recovery


def test_a_clock_that_is_behind_only_delays(age_payloads) -> None:
    workspace = make_organization().workspace
    old = serve(workspace)
    age_payloads(15, old)
    work_at("-40d")
    assert payloads(workspace) == {old}
    expire()
    assert payloads(workspace) == set()


@pytest.mark.parametrize("offset", ["-40d", "+40d"])
def test_a_fence_is_where_it_should_be_whatever_time_its_worker_thinks_it_is(offset, monkeypatch) -> None:
    organization = make_organization()
    workspace = organization.workspace
    serve(workspace, subject="anna")
    running = uuid7()
    info = ask(organization, subject="anna")

    work_at(offset, job_of(workspace, info))
    assert erasure_get(workspace, info.id).certified
    serve(workspace, running, subject="anna")

    assert payloads(workspace) == set()
    statement = msgspec.json.decode(download(organization, info))["statement"]
    assert statement["received"] <= statement["fenced"] <= statement["erased"] < statement["beyond_recovery"]
    assert statement["erased"][:4] == statement["received"][:4]
