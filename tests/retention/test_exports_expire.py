"""Files of exports whose time is over, in the object store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.utils import timezone

from audit.exports import ExportInfo, export_create, export_download, export_get, object_key
from audit.models import AuditEntry, Export
from cell import jobs
from cell.access import WorkspaceRef
from cell.models import Job
from cell.objects import store
from cell.problems import Problem
from cell.tenancy import workspace_scope
from retention import export_class
from retention.expiry import expire
from retention.export_class import Exports
from retention.holds import hold_place, hold_release
from tests.factories import Organization, make_organization

pytestmark = pytest.mark.usefixtures("committed")


def made(organization: Organization, days_ago: float) -> ExportInfo:
    """An export that was ready so long ago."""
    workspace = organization.workspace
    export = export_create(actor=organization.owner, workspace=workspace)
    with workspace_scope(workspace):
        job = Job.objects.get(effect_key=f"export/{export.id}").id
    assert jobs.run(job)
    with workspace_scope(workspace):
        Export.objects.filter(pk=export.id).update(completed_at=timezone.now() - timedelta(days=days_ago))
    return export_get(workspace, export.id)


def versions(export: ExportInfo) -> int:
    return len(store().versions(object_key(export.id)))


def entries(workspace: WorkspaceRef) -> list[dict[str, Any]]:
    with workspace_scope(workspace):
        bodies = [msgspec.json.decode(entry.body) for entry in AuditEntry.objects.order_by("id")]
    return [body["after"] for body in bodies if body["action"] == "data.expired"]


def download(organization: Organization, export: ExportInfo) -> int:
    try:
        with export_download(actor=organization.owner, workspace=organization.workspace, export=export.id):
            return 200
    except Problem as problem:
        return problem.status_code


def test_a_file_goes_in_every_version_and_the_chain_goes_on() -> None:
    organization = make_organization()
    old, fresh = made(organization, 91), made(organization, 89)
    store().put(object_key(old.id), b"a version before it")
    store().delete(object_key(old.id))
    assert versions(old) == 3

    expire()

    assert versions(old) == 0
    assert (download(organization, old), download(organization, fresh)) == (410, 200)
    assert entries(organization.workspace) == [{"data_class": "exports", "removed": 1, "days": 90}]
    after = made(organization, 0)
    assert (after.state, after.first) == ("ready", fresh.end)
    expire()
    assert len(entries(organization.workspace)) == 1


def test_a_worker_that_dies_after_the_files_has_lost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    organization = make_organization()
    old = made(organization, 91)

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(export_class, "advance", die)
        expire()
    assert versions(old) == 0
    assert entries(organization.workspace) == []
    expire()
    assert entries(organization.workspace) == [{"data_class": "exports", "removed": 1, "days": 90}]


def test_a_held_workspace_keeps_its_exports() -> None:
    organization = make_organization()
    old = made(organization, 91)
    hold = hold_place(actor=organization.owner, workspace=organization.workspace, reason="Claim 7/2026")
    expire()
    assert versions(old) == 1
    hold_release(actor=organization.owner, workspace=organization.workspace, hold=hold.id)
    expire()
    assert versions(old) == 0


def test_many_go_in_batches() -> None:
    organization = make_organization()
    for days_ago in (95, 94, 93):
        made(organization, days_ago)
    assert [Exports().expire(organization.workspace, 2) for _ in range(3)] == [2, 1, 0]
