from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audit.models import ExportSchedule
from audit.verifier.__main__ import main
from cell import jobs
from cell.access import Scope
from cell.ids import Tag, untag
from cell.models import Job
from cell.tenancy import workspace_scope
from tests.audit.destinations.batches import HERE
from tests.audit.unpacking import unpack
from tests.factories import Organization, make_key, make_organization
from tests.peers.certificates import Authority
from tests.peers.receiver import Receiver, running

pytestmark = pytest.mark.usefixtures("committed")

SECRETS = {"signing": ["whsec_" + base64.b64encode(b"k" * 32).decode()]}


class _Api:
    def __init__(self, token: str, workspace: str) -> None:
        self._headers = {"Authorization": f"Bearer {token}"}
        self._base = f"/api/workspaces/{workspace}/audit/schedules"

    def call(self, method: str, path: str = "", body: object = None, **headers: str) -> Any:
        more = {} if body is None else {"data": body}
        return getattr(Client(), method)(
            f"{self._base}{path}", **more, content_type="application/json", headers=self._headers | headers
        )


@pytest.fixture
def organization() -> Organization:
    return make_organization()


@pytest.fixture
def api(organization: Organization) -> _Api:
    return _Api(organization.admin_key, organization.workspace_id)


@pytest.fixture
def destination(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    monkeypatch.setattr("audit.described.reach", lambda: HERE)
    authority = Authority()
    with running(Receiver(authority.server("localhost"), tmp_path)) as siem:
        yield {"kind": "webhook", "legal_area": "eu", "url": siem.url, "ca": authority.certificate}


def _run(organization: Organization, public_id: str) -> None:
    number = untag(public_id, Tag.SCHEDULE, "eude1")
    with workspace_scope(organization.workspace):
        runs = ExportSchedule.objects.get(pk=number).runs
        job = Job.objects.get(effect_key=f"delivery/{number}/{runs}").id
    jobs.run(job)


def test_a_schedule_is_made_read_changed_and_ended(
    organization: Organization, api: _Api, destination: dict[str, Any], tmp_path: Path
) -> None:
    made = api.call("post", body={"destination": destination, "secrets": SECRETS, "format": "ecs"})
    schedule = made.json()
    assert made.status_code == 201 and made["Location"].endswith(f"/schedules/{schedule['id']}")
    assert (schedule["format"], schedule["interval_hours"], schedule["state"]) == ("ecs", 168, "active")
    assert "secrets" not in schedule and SECRETS["signing"][0] not in made.content.decode()
    assert schedule["destination"]["url"] == destination["url"]
    _run(organization, schedule["id"])

    path = f"/{schedule['id']}"
    (delivery,) = api.call("get", f"{path}/deliveries").json()["results"]
    assert (delivery["state"], delivery["evidence"]) == ("acknowledged", "accepted")
    content = b"".join(api.call("get", f"{path}/deliveries/{delivery['id']}/download").streaming_content)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        unpack(tar, tmp_path / "export")
    assert main([str(tmp_path / "export")]) == 0 and list((tmp_path / "export").glob("ecs-*"))

    assert api.call("patch", path, {"interval_hours": 1}).status_code == 428
    assert api.call("patch", path, {"interval_hours": 1}, **{"If-Match": '"another"'}).status_code == 412
    tag = api.call("get", path)["ETag"]
    for wrong in (
        {"interval_hours": 0},
        {"interval_hours": 10_000},
        {"destination": destination},
        {"secrets": SECRETS},
    ):
        assert api.call("patch", path, wrong, **{"If-Match": tag}).status_code == 400
    changed = api.call("patch", path, {"interval_hours": 1}, **{"If-Match": tag})
    assert (changed.status_code, changed.json()["interval_hours"], changed.json()["version"]) == (200, 1, 2)
    assert changed["ETag"] != tag

    ended = api.call("delete", path)
    assert (ended.status_code, ended.json()["state"]) == (202, "ending")
    _run(organization, schedule["id"])
    assert api.call("get").json()["results"] == [api.call("get", path).json()]
    assert api.call("get", path).json()["state"] == "ended"
    assert api.call("patch", path, {"interval_hours": 2}, **{"If-Match": "*"}).status_code == 409


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"destination": {}},
        {"destination": {"kind": "webhook"}, "secrets": {}},
        {"destination": "https://siem.example", "secrets": SECRETS},
        {"destination": {"kind": "webhook", "legal_area": "us", "url": "https://siem.example/"}, "secrets": SECRETS},
        {
            "destination": {"kind": "webhook", "legal_area": "eu", "url": "https://siem.example/"},
            "secrets": SECRETS,
            "format": "leef",
        },
    ],
)
def test_what_describes_no_destination_of_this_cell_is_refused(api: _Api, body: object) -> None:
    refused = api.call("post", body=body)

    assert refused.status_code == 400
    assert refused["Content-Type"] == "application/problem+json"
    assert SECRETS["signing"][0] not in refused.content.decode()
    assert api.call("get").json()["results"] == []


def test_reading_is_not_exporting_and_strangers_find_nothing(
    organization: Organization, api: _Api, destination: dict[str, Any]
) -> None:
    path = f"/{api.call('post', body={'destination': destination, 'secrets': SECRETS}).json()['id']}"
    key = make_key(organization, organization.workspace, scopes={Scope.AUDIT_READ}).token
    reader, stranger = _Api(key, organization.workspace_id), make_organization()

    assert reader.call("get", path).status_code == 200
    for method, where in (("post", ""), ("patch", path), ("delete", path), ("get", f"{path}/deliveries/x/download")):
        assert reader.call(method, where, {} if method != "get" else None).status_code == 403
    for other in (
        _Api(stranger.admin_key, organization.workspace_id),
        _Api(stranger.admin_key, stranger.workspace_id),
    ):
        for where in (path, f"{path}/deliveries"):
            assert other.call("get", where).status_code == 404
        assert other.call("delete", path).status_code == 404
    assert api.call("get", "/sch_nonsense").status_code == 404
