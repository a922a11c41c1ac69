"""Files of exports whose time is over, in the object store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.utils import timezone

from audit.deliveries import delivery_download, delivery_key
from audit.exports import ExportInfo, export_create, export_download, export_get, object_key
from audit.models import AuditEntry, Delivery, Export, ExportSchedule
from cell import jobs
from cell.access import WorkspaceRef
from cell.ids import uuid7
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


def delivered(organization: Organization, days_ago: float, state: Delivery.State) -> Delivery:
    """A delivery with its file, acknowledged so long ago if it was."""
    workspace, at = organization.workspace, timezone.now() - timedelta(days=days_ago)
    tenant = {"workspace_id": workspace.id, "organization_id": workspace.organization}
    acknowledged = at if state == Delivery.State.ACKNOWLEDGED else None
    with workspace_scope(workspace):
        schedule = ExportSchedule.objects.create(
            id=uuid7(), **tenant, format="ocsf", interval_hours=168, destination={}, created_at=at
        )
        row = Delivery.objects.create(
            id=uuid7(),
            schedule_id=schedule.id,
            **tenant,
            state=state,
            first=0,
            end=1,
            manifest_sha256=bytes(32),
            size_bytes=4,
            prepared_at=at,
            acknowledged_at=acknowledged,
        )
    store().put(delivery_key(row.id), b"file")
    return row


def test_what_was_delivered_goes_and_what_is_on_its_way_stays() -> None:
    organization = make_organization()
    arrived = delivered(organization, 91, Delivery.State.ACKNOWLEDGED)
    underway = delivered(organization, 91, Delivery.State.SENT)
    fresh = delivered(organization, 89, Delivery.State.ACKNOWLEDGED)
    export = made(organization, 92)

    expire()

    left = {row.id: len(store().versions(delivery_key(row.id))) for row in (arrived, underway, fresh)}
    assert left == {arrived.id: 0, underway.id: 1, fresh.id: 1}
    assert versions(export) == 0
    assert entries(organization.workspace) == [{"data_class": "exports", "removed": 2, "days": 90}]
    asked = {"actor": organization.owner, "workspace": organization.workspace}
    with pytest.raises(Problem) as refused:
        delivery_download(**asked, schedule=arrived.schedule_id, delivery=arrived.id)
    assert refused.value.status_code == 410
    delivery_download(**asked, schedule=underway.schedule_id, delivery=underway.id).close()
