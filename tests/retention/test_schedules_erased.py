"""Where the log of a workspace was sent, when the workspace is erased."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from audit.models import AuditEntry, ExportSchedule, OrganizationSchedule
from audit.organization_schedules import organization_schedule_create
from audit.schedules import schedule_create
from cell import jobs
from cell.access import WorkspaceRef
from cell.models import Job
from cell.tenancy import organization_scope, workspace_scope
from retention.models import ErasureScope
from retention.schedule_store import ExportSchedules
from retention.stores import Target
from tests.audit.destinations.batches import HERE
from tests.factories import Organization, make_organization, make_workspace
from tests.peers.certificates import Authority
from tests.peers.receiver import Receiver, Said, running
from tests.retention.erasing import ask, download, job_of, run

pytestmark = pytest.mark.usefixtures("committed")

SECRETS = {"signing": ["whsec_" + base64.b64encode(b"e" * 32).decode()]}


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def siem(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr("audit.described.reach", lambda: HERE)
    with running(Receiver(authority.server("localhost"), tmp_path)) as found:
        yield found


@pytest.fixture
def organization(siem: Receiver, authority: Authority) -> Organization:
    """Its workspace's log goes to the SIEM by a schedule of the workspace's own, and by one of the organization."""
    found = make_organization()
    destination = {"kind": "webhook", "legal_area": "eu", "url": siem.url, "ca": authority.certificate}
    how: dict[str, Any] = {"actor": found.owner, "destination": destination, "secrets": SECRETS}
    schedule_create(workspace=found.workspace, **how)
    organization_schedule_create(organization=found.id, **how)
    _run_all(found, "audit.follow")
    return found


def _run_all(organization: Organization, kind: str, workspace: WorkspaceRef | None = None) -> None:
    """Every job of the kind that waits, as if it were due."""
    scope = organization_scope(organization.id) if workspace is None else workspace_scope(workspace)
    with scope:
        rows = Job.objects.filter(kind=kind, state="queued")
        rows.update(run_after="2020-01-01T00:00:00Z")
        waiting = list(rows.values_list("id", flat=True))
    for job in waiting:
        jobs.run(job)


def _schedules(workspace: WorkspaceRef) -> list[ExportSchedule]:
    with workspace_scope(workspace):
        return list(ExportSchedule.objects.filter(workspace_id=workspace.id).order_by("id"))


def test_the_last_deliveries_tell_of_the_end_and_the_secrets_are_gone_before_it_is_certified(
    organization: Organization, siem: Receiver
) -> None:
    workspace, elsewhere = organization.workspace, make_workspace(organization)
    _run_all(organization, "audit.follow")
    _run_all(organization, "audit.delivery", workspace)
    siem.heard.clear()

    asked = ask(organization, whole=True)
    jobs.run(job_of(workspace, asked))
    under_way = [row.state for row in _schedules(workspace)]
    _run_all(organization, "audit.delivery", workspace)
    done = run(workspace, asked)

    assert (under_way, done.state, done.certified) == (["ending", "ending"], "primary-erased", True)
    assert done.manifest is not None and done.manifest["export-schedules"] == 2
    assert [(row.state, row.secrets) for row in _schedules(workspace)] == [("ended", None)] * 2
    assert [heard.body.count(b'"export-schedule.ended"') > 0 for heard in siem.heard] == [True, True]
    statement = msgspec.json.decode(download(organization, asked))["statement"]
    assert statement["stores"]["export-schedules"]["remaining"] == 0
    # What the organization decided goes on elsewhere, and does not come back here.
    _run_all(organization, "audit.follow")
    assert [row.state for row in _schedules(elsewhere)] == ["active"]
    assert [row.state for row in _schedules(workspace)] == ["ended", "ended"]
    with organization_scope(organization.id):
        assert OrganizationSchedule.objects.get(organization_id=organization.id).secrets is not None


def test_a_destination_that_does_not_answer_keeps_no_workspace_from_being_erased(
    organization: Organization, siem: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = organization.workspace
    siem.said = Said(503)
    _run_all(organization, "audit.delivery", workspace)
    asked = ask(organization, whole=True)
    jobs.run(job_of(workspace, asked))
    assert [row.state for row in _schedules(workspace)] == ["ending", "ending"]

    monkeypatch.setattr("retention.schedule_store.LAST_WORD", timedelta(0))
    done = run(workspace, asked)

    assert (done.state, done.certified) == ("primary-erased", True)
    assert [(row.state, row.cause, row.secrets) for row in _schedules(workspace)] == [("ended", "erased", None)] * 2
    heard = len(siem.heard)
    _run_all(organization, "audit.delivery", workspace)
    assert len(siem.heard) == heard
    with workspace_scope(workspace):
        bodies = [bytes(row.body) for row in AuditEntry.objects.filter(workspace_id=workspace.id)]
    assert sum(b'"export-delivery.stopped"' in body and b'"erased"' in body for body in bodies) == 2


def test_what_a_backup_brought_back_is_turned_off_without_a_last_word(
    organization: Organization, siem: Receiver, owner: Callable[..., None]
) -> None:
    workspace = organization.workspace
    asked = ask(organization, whole=True)
    jobs.run(job_of(workspace, asked))
    _run_all(organization, "audit.delivery", workspace)
    run(workspace, asked)
    owner("update audit_schedule set state = 'active', secrets = 'x' where workspace_id = %s", workspace.id)
    owner("update retention_fence set fenced_at = fenced_at - interval '1 hour' where erasure_id = %s", asked.id)
    target, heard = Target(workspace, asked.id, ErasureScope.WORKSPACE), len(siem.heard)

    assert ExportSchedules().verify(target).remaining == ExportSchedules().plan(target) == 2
    ExportSchedules().execute(target)
    _run_all(organization, "audit.delivery", workspace)

    assert ExportSchedules().verify(target).remaining == ExportSchedules().plan(target) == 0
    assert len(siem.heard) == heard
