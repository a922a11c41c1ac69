from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from audit.actions import Action
from audit.exports import ExportInfo, export_create, export_download, export_get, object_key
from audit.log import record, tree_of
from audit.models import AuditEntry
from audit.sealer import seal_tree
from audit.signing import vkeys
from audit.verifier.__main__ import main
from bailiwick.embedded.cluster import Cluster
from cell import jobs
from cell.access import WorkspaceRef
from cell.config import config
from cell.ids import uuid7
from cell.models import Job
from cell.objects import open_store, store
from cell.problems import Problem
from cell.tasks import sweep_scratch
from cell.tenancy import workspace_scope
from tests.audit.people import a_member, a_workspace
from tests.audit.unpacking import unpack
from tests.peers import free_port
from tests.peers.radosgw import RadosGw

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def workspace() -> Iterator[WorkspaceRef]:
    yield a_workspace()


def _record(workspace: WorkspaceRef, count: int) -> None:
    with workspace_scope(workspace):
        for _ in range(count):
            record(actor=a_member(workspace), action=Action.WORKSPACE_UPDATED, workspace=workspace)


def _ask(workspace: WorkspaceRef) -> ExportInfo:
    return export_create(actor=a_member(workspace), workspace=workspace)


def _run(workspace: WorkspaceRef, export: ExportInfo) -> ExportInfo:
    with workspace_scope(workspace):
        job = Job.objects.get(effect_key=f"export/{export.id}").id
    assert jobs.run(job)
    return export_get(workspace, export.id)


def _taken_home(workspace: WorkspaceRef, export: ExportInfo, folder: Path) -> Path:
    with (
        export_download(actor=a_member(workspace), workspace=workspace, export=export.id) as content,
        tarfile.open(fileobj=io.BytesIO(content.read())) as tar,
    ):
        unpack(tar, folder)
    return folder


def test_an_export_is_made_taken_home_and_verified(workspace: WorkspaceRef, tmp_path: Path) -> None:
    _record(workspace, 20)

    done = _run(workspace, _ask(workspace))
    folder = _taken_home(workspace, done, tmp_path / "export")

    assert (done.state, done.first, done.end) == ("ready", 0, 21)  # asking for it is an entry, and is in it
    assert main([str(folder), "--key", vkeys()[0]]) == 0


def test_an_export_goes_to_a_bucket_and_comes_back(
    workspace: WorkspaceRef, radosgw: RadosGw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = radosgw.bucket()
    for module in ("audit.exports", "audit.packing"):
        monkeypatch.setattr(f"{module}.store", lambda: open_store(bucket))
    done = _run(workspace, _ask(workspace))

    assert main([str(_taken_home(workspace, done, tmp_path / "export")), "--key", vkeys()[0]]) == 0

    away = replace(bucket, endpoint=f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr("audit.exports.store", lambda: open_store(away))
    with pytest.raises(Problem) as refused:
        export_download(actor=a_member(workspace), workspace=workspace, export=done.id)
    assert refused.value.status_code == 503
    with workspace_scope(workspace):
        bodies = AuditEntry.objects.filter(tree=tree_of(workspace)).values_list("body", flat=True)
        assert sum(b"export.downloaded" in bytes(body) for body in bodies) == 1


def test_the_next_export_continues_the_last_and_has_at_least_the_entries_about_itself(
    workspace: WorkspaceRef, tmp_path: Path
) -> None:
    _record(workspace, 3)
    first = _run(workspace, _ask(workspace))
    second = _run(workspace, _ask(workspace))

    folders = [_taken_home(workspace, export, tmp_path / str(export.id)) for export in (first, second)]
    assert (second.first, second.end) == (4, 6)  # that the first was completed, and the request for the second
    assert main([str(folders[1]), "--previous", str(folders[0])]) == 0
    assert main([str(folders[0]), "--previous", str(folders[1])]) == 1


def test_a_log_that_is_too_long_for_one_export_takes_several(
    workspace: WorkspaceRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.export_job.MOST_ENTRIES", 10)
    for _ in range(6):
        _record(workspace, 4)
        seal_tree(tree_of(workspace))

    done = [_run(workspace, _ask(workspace)) for _ in range(3)]

    folders = [_taken_home(workspace, export, tmp_path / str(export.id)) for export in done]
    assert [(export.first, export.end) for export in done] == [(0, 8), (8, 16), (16, 25)]  # up to a checkpoint
    assert main([str(folders[2]), "--previous", str(folders[1])]) == 0


def test_two_exports_at_the_same_time_are_still_one_chain(workspace: WorkspaceRef, tmp_path: Path) -> None:
    asked = [_ask(workspace), _ask(workspace)]
    done = [_run(workspace, export) for export in asked]

    folders = [_taken_home(workspace, export, tmp_path / str(export.id)) for export in done]
    assert [export.state for export in done] == ["ready", "ready"]
    assert main([str(folders[1]), "--previous", str(folders[0])]) == 0


def test_running_the_job_twice_makes_one_export(workspace: WorkspaceRef) -> None:
    asked = _ask(workspace)
    done = _run(workspace, asked)
    with workspace_scope(workspace):
        Job.objects.filter(effect_key=f"export/{asked.id}").update(state="queued")

    again = _run(workspace, asked)

    assert again == done
    assert len(store().versions(object_key(done.id))) == 1


def test_an_export_is_there_for_its_workspace_alone_and_only_when_it_is_ready(workspace: WorkspaceRef) -> None:
    asked = _ask(workspace)

    with pytest.raises(Problem) as early:
        export_download(actor=a_member(workspace), workspace=workspace, export=asked.id)
    with pytest.raises(Problem) as foreign:
        export_get(a_workspace(), asked.id)
    with pytest.raises(Problem) as unknown:
        export_get(workspace, uuid7())

    assert (early.value.status_code, foreign.value.status_code, unknown.value.status_code) == (409, 404, 404)


def test_a_log_that_was_changed_in_the_database_is_not_exported(workspace: WorkspaceRef, cluster: Cluster) -> None:
    _record(workspace, 5)
    seal_tree(tree_of(workspace))
    with psycopg.connect(cluster.url("bailiwick_owner")) as owner:
        # Only who owns the tables can do this, and only by taking the triggers off.
        owner.execute("alter table audit_entry disable trigger user")
        owner.execute(
            "update audit_entry set body = '{}' where seq = 2 and workspace_id = %s",
            [workspace.id],
        )
        owner.execute("alter table audit_entry enable trigger user")

    assert _run(workspace, _ask(workspace)).state == "failed"


DIES = """
import django, os, signal, sys
django.setup()
from uuid import UUID
from audit import packing
from cell import jobs
def die():
    os.kill(os.getpid(), signal.SIGKILL)
packing.store = die
jobs.run(UUID(sys.argv[1]))
"""


def test_what_a_killed_worker_had_in_the_making_does_not_stay(workspace: WorkspaceRef) -> None:
    _record(workspace, 3)
    export = _ask(workspace)
    with workspace_scope(workspace):
        job = Job.objects.get(effect_key=f"export/{export.id}").id
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    worker = subprocess.run([sys.executable, "-c", DIES, str(job)], env=environ, check=False)
    assert worker.returncode == -signal.SIGKILL
    left = list((config().home / "scratch").glob("export-*/files/entries-*"))
    assert left

    sweep_scratch()

    assert list((config().home / "scratch").iterdir()) == []
    with workspace_scope(workspace), connection.cursor() as cursor:
        cursor.execute("update cell_job set lease_until = null where id = %s", [job])
    assert _run(workspace, export).state == "ready"
