"""Expiry under `kill -9`: what is gone and what the log says is gone are the same, wherever the job dies."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import pytest

from audit.models import AuditEntry
from cell.access import WorkspaceRef
from cell.tenancy import workspace_scope
from inference.gateway.models import RequestRecord, UsageCount
from inference.gateway.record_classes import RequestRecords
from tests.factories import make_organization
from tests.inference.gateway.records import DAY, make_request, today
from tests.retention.conftest import committed  # noqa: F401  # a fixture

pytestmark = pytest.mark.usefixtures("committed")

RECORDS, BATCH = 120, 2
JOB = f"""
import django
django.setup()
from inference.gateway.record_classes import RequestRecords
known = RequestRecords()
while True:
    for workspace in known.due():
        while known.expire(workspace, {BATCH}):
            print("went", flush=True)
"""


def left(workspace: WorkspaceRef) -> int:
    with workspace_scope(workspace):
        return RequestRecord.objects.filter(workspace_id=workspace.id).count()


def told(workspace: WorkspaceRef) -> int:
    """How many records the log says are gone."""
    with workspace_scope(workspace):
        bodies = [msgspec.json.decode(entry.body) for entry in AuditEntry.objects.order_by("id")]
    return sum(body["after"]["removed"] for body in bodies if body["action"] == "data.expired")


def killed_after(batches: int) -> None:
    """Runs the job in a process of its own, and kills it in the middle of what comes next."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "DJANGO_SETTINGS_MODULE": "bailiwick.settings"}
    with subprocess.Popen([sys.executable, "-c", JOB], env=environ, stdout=subprocess.PIPE) as job:
        assert job.stdout is not None
        for _ in range(batches):
            assert job.stdout.readline() == b"went\n"
        job.kill()


def test_a_killed_job_neither_loses_nor_repeats() -> None:
    workspace = make_organization().workspace
    for _ in range(RECORDS):
        make_request(workspace, today() - 95 * DAY)
    UsageCount.objects.update(open_day=today() - DAY)

    for batches in (1, 4, 9):
        killed_after(batches)
        remaining = left(workspace)
        assert 0 < remaining < RECORDS
        assert told(workspace) == RECORDS - remaining

    while RequestRecords().expire(workspace, 50):
        pass
    assert left(workspace) == 0
    assert told(workspace) == RECORDS
