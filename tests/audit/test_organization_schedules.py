"""Schedules of an organization, by its API: what its workspaces get of them, and what they may not do with it."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.db import ProgrammingError, connections
from django.test import Client

from audit import following
from audit.models import AuditEntry, ExportSchedule, OrganizationSchedule
from cell import jobs
from cell.access import Scope, WorkspaceRef
from cell.config import config
from cell.ids import Tag, tagged, untag
from cell.models import Job
from cell.tenancy import organization_scope, workspace_scope
from tests.audit.destinations.batches import HERE
from tests.factories import Organization, make_key, make_organization, make_workspace
from tests.peers.certificates import Authority
from tests.peers.receiver import Receiver, Said, running
from workspaces.services import workspace_close

pytestmark = pytest.mark.usefixtures("committed")

SECRET = "whsec_" + base64.b64encode(b"o" * 32).decode()
SECRETS = {"signing": [SECRET]}


@pytest.fixture
def organization() -> Organization:
    return make_organization()


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def siem(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr("audit.described.reach", lambda: HERE)
    with running(Receiver(authority.server("localhost"), tmp_path)) as found:
        yield found


@pytest.fixture
def destination(siem: Receiver, authority: Authority) -> dict[str, Any]:
    return {"kind": "webhook", "legal_area": "eu", "url": siem.url, "ca": authority.certificate}


def _call(token: str, method: str, path: str = "", body: object = None, *, base: str = "", **headers: str) -> Any:
    more = {} if body is None else {"data": body}
    return getattr(Client(), method)(
        f"{base or '/api/organization/audit/schedules'}{path}",
        **more,
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}", **headers},
    )


def _create(organization: Organization, destination: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = _call(organization.admin_key, "post", body={"destination": destination, "secrets": SECRETS, **more})
    assert made.status_code == 201, made.content
    found: dict[str, Any] = made.json()
    return found


def _read(organization: Organization, schedule: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _call(organization.admin_key, "get", f"/{schedule['id']}").json()
    return found


def _base(workspace: WorkspaceRef) -> str:
    return f"/api/workspaces/{tagged(Tag.WORKSPACE, config().cell, workspace.id)}/audit/schedules"


def _own(organization: Organization, workspace: WorkspaceRef) -> list[dict[str, Any]]:
    """The workspace's schedules, as its API shows them."""
    found: list[dict[str, Any]] = _call(organization.admin_key, "get", base=_base(workspace)).json()["results"]
    return found


def _follow(organization: Organization) -> None:
    """Workers do what there is to do for the organization, as if it were due."""
    with organization_scope(organization.id):
        rows = Job.objects.filter(organization_id=organization.id, kind="audit.follow", state="queued")
        rows.update(run_after="2020-01-01T00:00:00Z")
        waiting = list(rows.values_list("id", flat=True))
    for job in waiting:
        jobs.run(job)


def _deliver(workspace: WorkspaceRef, public_id: str) -> None:
    number = untag(public_id, Tag.SCHEDULE, config().cell)
    with workspace_scope(workspace):
        runs = ExportSchedule.objects.get(pk=number).runs
        rows = Job.objects.filter(effect_key=f"delivery/{number}/{runs}")
        rows.update(run_after="2020-01-01T00:00:00Z")
        job = rows.get().id
    jobs.run(job)


def _deliver_all(organization: Organization, *workspaces: WorkspaceRef) -> None:
    for workspace in workspaces:
        for one in _own(organization, workspace):
            _deliver(workspace, one["id"])


def _entries(organization: Organization, workspace: WorkspaceRef | None = None) -> list[dict[str, Any]]:
    """Of schedules, in the workspace's log or else in the cell's."""
    scope = organization_scope(organization.id) if workspace is None else workspace_scope(workspace)
    with scope:
        rows = AuditEntry.objects.filter(
            organization_id=organization.id, workspace_id=None if workspace is None else workspace.id
        )
        found = [msgspec.json.decode(bytes(row.body)) for row in rows.order_by("id")]
    return [entry for entry in found if entry["action"].startswith("export-schedule.")]


def _heard(siem: Receiver) -> set[str]:
    """The workspaces whose log the SIEM has something of."""
    lines = [msgspec.json.decode(line) for heard in siem.heard for line in heard.body.splitlines()]
    return {line["cloud"]["account"]["uid"] for line in lines}


def test_every_workspace_follows_it_those_that_are_made_later_included(
    organization: Organization, siem: Receiver, destination: dict[str, Any]
) -> None:
    first, second = organization.workspace, make_workspace(organization)
    made = _create(organization, destination, interval_hours=24)
    _follow(organization)
    later = make_workspace(organization)
    _follow(organization)
    workspaces = (first, second, later)

    _deliver_all(organization, *workspaces)

    assert SECRET not in str(made)
    assert _heard(siem) == {tagged(Tag.WORKSPACE, config().cell, workspace.id) for workspace in workspaces}
    assert _read(organization, made)["workspaces"] == {"active": 3}
    for workspace in workspaces:
        (one,) = _own(organization, workspace)
        assert (one["follows"], one["interval_hours"], one["state"]) == (made["id"], 24, "active")
        assert one["destination"]["url"] == destination["url"]
        (delivery,) = _call(organization.admin_key, "get", f"/{one['id']}/deliveries", base=_base(workspace)).json()[
            "results"
        ]
        assert (delivery["state"], delivery["first"]) == ("acknowledged", 0)
        with workspace_scope(workspace):
            assert ExportSchedule.objects.get(follows__isnull=False).secrets is None


def test_a_change_reaches_all_of_them_and_those_that_had_stopped_go_on(
    organization: Organization, siem: Receiver, destination: dict[str, Any]
) -> None:
    workspaces = (organization.workspace, make_workspace(organization))
    siem.said = Said(401)
    made = _create(organization, destination)
    _follow(organization)
    _deliver_all(organization, *workspaces)
    stopped = _read(organization, made)
    assert stopped["workspaces"] == {"stopped": 2} and len(stopped["stopped"]) == 2

    siem.said = Said(200)
    path, tag = f"/{made['id']}", _call(organization.admin_key, "get", f"/{made['id']}")["ETag"]
    changed = _call(organization.admin_key, "patch", path, {"interval_hours": 1}, **{"If-Match": tag})
    _follow(organization)
    _deliver_all(organization, *workspaces)

    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert [one["interval_hours"] for workspace in workspaces for one in _own(organization, workspace)] == [1, 1]
    assert _read(organization, made)["workspaces"] == {"active": 2}
    assert _call(organization.admin_key, "patch", path, {"interval_hours": 2}).status_code == 428
    assert _call(organization.admin_key, "patch", path, {"interval_hours": 2}, **{"If-Match": tag}).status_code == 412
    alone = {"destination": destination}
    assert _call(organization.admin_key, "patch", path, alone, **{"If-Match": "*"}).status_code == 400


def test_another_destination_is_used_at_once_with_its_own_secrets(
    organization: Organization, siem: Receiver, authority: Authority, destination: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    made = _create(organization, destination)
    _follow(organization)
    with running(Receiver(authority.server("localhost"), tmp_path / "other")) as other:
        mended = {"destination": destination | {"url": other.url}, "secrets": SECRETS}
        _call(organization.admin_key, "patch", f"/{made['id']}", mended, **{"If-Match": "*"})
        # Before the workspace has heard of it, too: no secret goes to a place it was not meant for.
        _deliver_all(organization, organization.workspace)

        assert (len(siem.heard), len(other.heard)) == (0, 1)


def test_turning_it_off_is_in_the_last_delivery_of_each_and_then_the_secrets_are_gone(
    organization: Organization, siem: Receiver, destination: dict[str, Any]
) -> None:
    workspaces = (organization.workspace, make_workspace(organization))
    made = _create(organization, destination)
    _follow(organization)
    _deliver_all(organization, *workspaces)

    ending = _call(organization.admin_key, "delete", f"/{made['id']}")
    again = _call(organization.admin_key, "delete", f"/{made['id']}")
    _follow(organization)
    assert _read(organization, made)["state"] == "ending"
    siem.heard.clear()
    _deliver_all(organization, *workspaces)
    _follow(organization)

    assert (ending.status_code, ending.json(), again.json()["version"]) == (202, again.json(), 2)
    assert [heard.body.count(b"export-schedule.ended") > 0 for heard in siem.heard] == [True, True]
    done = _read(organization, made)
    assert (done["state"], done["workspaces"]) == ("ended", {"ended": 2})
    with organization_scope(organization.id):
        row = OrganizationSchedule.objects.get(organization_id=organization.id)
        assert (row.secrets, row.decided_by) == (None, None)
        assert not Job.objects.filter(kind="audit.follow").exclude(state="done").exists()
    assert _call(organization.admin_key, "patch", f"/{made['id']}", {}, **{"If-Match": "*"}).status_code == 409
    later = make_workspace(organization)
    _follow(organization)
    assert _own(organization, later) == []


def test_a_worker_that_dies_and_one_beside_it_leave_one_in_each_workspace(
    organization: Organization, destination: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspaces = [organization.workspace, *(make_workspace(organization) for _ in range(3))]
    _follow(organization)
    made = _create(organization, destination)
    told = following._tell

    class Dead(BaseException):
        pass

    def tell_one_and_die(*which: Any) -> None:
        told(*which)
        raise Dead

    with monkeypatch.context() as patch:
        patch.setattr("audit.following._tell", tell_one_and_die)
        with pytest.raises(Dead):
            _follow(organization)
    assert _read(organization, made)["workspaces"] == {"active": 1}

    with organization_scope(organization.id):
        rows = Job.objects.filter(organization_id=organization.id, kind="audit.follow").exclude(state="done")
        rows.update(lease_until=None)
        dead = rows.get().id
    beside = make_workspace(organization)
    with organization_scope(organization.id):
        ids = [dead, Job.objects.get(effect_key=f"follow/{beside.id}").id]
    workers = [threading.Thread(target=_work, args=(job,)) for job in ids]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    _follow(organization)

    assert _read(organization, made)["workspaces"] == {"active": 5}
    assert [len(_own(organization, workspace)) for workspace in (*workspaces, beside)] == [1] * 5
    assert [len(_entries(organization, workspace)) for workspace in (*workspaces, beside)] == [1] * 5


def _work(job: UUID) -> None:
    jobs.run(job)
    connections.close_all()


def test_the_logs_say_who_decided_it(organization: Organization, siem: Receiver, destination: dict[str, Any]) -> None:
    made = _create(organization, destination)
    _follow(organization)
    later = make_workspace(organization)
    _follow(organization)
    _call(organization.admin_key, "delete", f"/{made['id']}")
    _follow(organization)

    (own,) = _own(organization, organization.workspace)
    expected = ["export-schedule.created", "export-schedule.ended"]
    of_all, of_one = _entries(organization), _entries(organization, organization.workspace)
    assert [entry["action"] for entry in of_all] == [entry["action"] for entry in of_one] == expected
    assert {entry["actor"]["type"] for entry in (*of_all, *of_one)} == {"key"}
    assert of_all[0]["targets"] == [made["id"]] and of_one[0]["targets"] == [own["id"], made["id"]]
    assert [entry["actor"]["type"] for entry in _entries(organization, later)] == ["system", "key"]
    assert SECRET not in str((of_all, of_one)) and siem.url not in str((of_all, of_one))


def test_a_workspace_cannot_change_or_end_what_the_organization_decided(
    organization: Organization, destination: dict[str, Any]
) -> None:
    made = _create(organization, destination)
    _follow(organization)
    workspace = organization.workspace
    (own,) = _own(organization, workspace)
    admin = make_key(organization, workspace).token

    for token in (admin, organization.admin_key):
        for refused in (
            _call(token, "patch", f"/{own['id']}", {"interval_hours": 1}, base=_base(workspace), **{"If-Match": "*"}),
            _call(token, "delete", f"/{own['id']}", base=_base(workspace)),
        ):
            assert refused.status_code == 409
            assert f"/api/organization/audit/schedules/{made['id']}" in refused.json()["detail"]
    assert _own(organization, workspace) == [own]
    # Its own five are not used up by it.
    body = {"destination": destination, "secrets": SECRETS}
    assert [_call(admin, "post", body=body, base=_base(workspace)).status_code for _ in range(5)] == [201] * 5
    assert _call(admin, "post", body=body, base=_base(workspace)).status_code == 409


def test_only_who_may_export_in_the_whole_organization_decides(
    organization: Organization, destination: dict[str, Any]
) -> None:
    made, stranger = _create(organization, destination), make_organization()
    body = {"destination": destination, "secrets": SECRETS}
    of_workspace = make_key(organization, organization.workspace).token
    reader = make_key(organization, scopes={Scope.AUDIT_READ}).token

    assert _call(of_workspace, "get").status_code == 403
    assert _call(reader, "get", f"/{made['id']}").json() == _read(organization, made)
    for token in (of_workspace, reader):
        for method, path in (("post", ""), ("patch", f"/{made['id']}"), ("delete", f"/{made['id']}")):
            assert _call(token, method, path, body).status_code == 403
    for method in ("get", "delete"):
        assert _call(stranger.admin_key, method, f"/{made['id']}").status_code == 404
    assert _call(stranger.admin_key, "get").json()["results"] == []
    assert _call(organization.admin_key, "get", "/sch_nonsense").status_code == 404
    # One of a workspace is none of the organization's.
    own = _call(of_workspace, "post", body=body, base=_base(organization.workspace)).json()["id"]
    assert _call(organization.admin_key, "get", f"/{own}").status_code == 404
    assert [_call(organization.admin_key, "post", body=body).status_code for _ in range(5)] == [*[201] * 4, 409]
    wrong = {"destination": destination | {"legal_area": "us"}, "secrets": SECRETS}
    assert _call(stranger.admin_key, "post", body=wrong).status_code == 400


def test_the_database_itself_keeps_it_from_workspaces_and_strangers(
    organization: Organization, destination: dict[str, Any]
) -> None:
    _create(organization, destination)
    _follow(organization)
    stranger = make_organization()

    with organization_scope(stranger.id):
        assert not OrganizationSchedule.objects.exists()
        assert not ExportSchedule.objects.exists()
    with workspace_scope(organization.workspace):
        assert OrganizationSchedule.objects.update(interval_hours=1) == 0
    with pytest.raises(ProgrammingError), workspace_scope(organization.workspace):
        OrganizationSchedule.objects.create(
            id=UUID(int=1),
            organization_id=organization.id,
            format="ocsf",
            interval_hours=1,
            destination={},
            created_at="2026-01-01T00:00:00Z",
        )
    with organization_scope(organization.id):
        # How its followers stand, and nothing of schedules that are a workspace's own; changed by nobody from here.
        assert ExportSchedule.objects.filter(follows__isnull=True).count() == 0
        assert ExportSchedule.objects.update(interval_hours=1) == 0


def test_a_workspace_that_is_closed_gets_none(organization: Organization, destination: dict[str, Any]) -> None:
    closed = make_workspace(organization)
    workspace_close(actor=organization.owner, workspace=closed)
    _create(organization, destination)

    _follow(organization)

    assert _own(organization, closed) == []
    assert len(_own(organization, organization.workspace)) == 1
