from __future__ import annotations

import pytest
from django.test import Client

from audit.signing import vkeys
from audit.verifier.certificate import verify_certificate
from cell import jobs
from cell.access import Scope
from cell.config import config
from cell.ids import Tag, tagged, untag, uuid7
from cell.models import Job
from cell.pseudonyms import LONGEST_SUBJECT
from cell.tenancy import workspace_scope
from tests.factories import make_key, make_organization, make_workspace
from tests.retention.requests import serve

pytestmark = pytest.mark.usefixtures("committed")


class Api:
    """A caller with a key, in one workspace."""

    def __init__(self, token: str, workspace: str) -> None:
        self.client = Client(headers={"authorization": f"Bearer {token}"})
        self._base = f"/api/workspaces/{workspace}"

    def get(self, path, **headers):
        return self.client.get(self._base + path, headers=headers)

    def put(self, path, body, **headers):
        return self.client.put(self._base + path, body, "application/json", headers=headers)

    def post(self, path, body):
        return self.client.post(self._base + path, body, "application/json")


@pytest.fixture
def organization():
    return make_organization()


@pytest.fixture
def api(organization):
    return Api(make_key(organization).token, organization.workspace_id)


def run_jobs(workspace) -> None:
    with workspace_scope(workspace):
        waiting = list(Job.objects.filter(workspace_id=workspace.id, state="queued").values_list("id", flat=True))
    for job in waiting:
        jobs.run(job)


def test_a_policy_is_read_changed_and_not_overwritten(api):
    read = api.get("/retention-policy")
    assert read.status_code == 200
    assert read.json() == {
        "store_payloads": False,
        "payload_days": 14,
        "classes": {"caches": 14, "exports": 90, "request_records": 90, "subjects": 14},
        "reason": "",
        "version": 0,
        "updated_at": None,
    }
    change = {"store_payloads": True, "payload_days": 30}
    assert api.put("/retention-policy", change).status_code == 428
    assert api.put("/retention-policy", change, if_match='"stale"').status_code == 412
    changed = api.put("/retention-policy", change, if_match=read["ETag"])
    assert changed.status_code == 200
    assert changed.json()["payload_days"] == 30
    assert changed["ETag"] != read["ETag"]
    assert api.get("/retention-policy")["ETag"] == changed["ETag"]
    assert api.put("/retention-policy", change, if_match=read["ETag"]).status_code == 412


def test_the_days_of_each_class_are_read_and_changed(api):
    policy = {"store_payloads": False, "payload_days": 14}
    changed = api.put("/retention-policy", policy | {"classes": {"request_records": 365}}, if_match="*")
    assert changed.status_code == 200
    days = {"caches": 14, "exports": 90, "request_records": 365, "subjects": 14}
    assert changed.json()["classes"] == days
    again = api.put("/retention-policy", api.get("/retention-policy").json(), if_match=changed["ETag"])
    assert again.json()["classes"] == days
    assert api.put("/retention-policy", policy, if_match="*").json()["classes"] == days


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"store_payloads": True},
        {"store_payloads": True, "payload_days": 14, "classes": {"request_records": 6}},
        {"store_payloads": True, "payload_days": 14, "classes": {"request_records": "many"}},
        {"store_payloads": True, "payload_days": 14, "classes": {"CANARY": 14}},
        {"store_payloads": True, "payload_days": 14, "classes": [14]},
        {"store_payloads": "perhaps", "payload_days": 14},
        {"store_payloads": True, "payload_days": "many"},
        {"store_payloads": True, "payload_days": 6},
        {"store_payloads": True, "payload_days": 31, "reason": " "},
        {"store_payloads": True, "payload_days": 10**30, "reason": "x"},
        {"store_payloads": True, "payload_days": 31, "reason": "x" * 501},
        [],
    ],
)
def test_a_wrong_policy_is_a_clear_error(api, body):
    answer = api.put("/retention-policy", body, if_match="*")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert "CANARY" not in answer.json()["detail"]


def test_other_days_take_every_scope_of_the_organization(organization, api):
    body = {"store_payloads": True, "payload_days": 90, "reason": "a legal hold of the customer"}
    assert api.put("/retention-policy", body, if_match="*").status_code == 200
    lesser = Api(make_key(organization, organization.workspace).token, organization.workspace_id)
    refused = lesser.put("/retention-policy", body | {"payload_days": 91}, if_match="*")
    assert refused.status_code == 403
    assert refused.json()["title"] == "owner-required"


def test_a_request_is_erased_over_the_api_and_its_certificate_verifies(organization, api):
    request = serve(organization.workspace)
    name = tagged(Tag.REQUEST, config().cell, request)
    asked = api.post("/erasures", {"request": name})
    assert asked.status_code == 202
    erasure = asked.json()["id"]
    assert asked["Location"].endswith(f"/erasures/{erasure}")
    assert asked.json()["request"] == name
    assert api.get(f"/erasures/{erasure}/certificate").status_code == 409
    run_jobs(organization.workspace)
    done = api.get(f"/erasures/{erasure}").json()
    assert (done["state"], done["certified"]) == ("primary-erased", True)
    certificate = api.get(f"/erasures/{erasure}/certificate")
    assert certificate.status_code == 200
    assert certificate["Content-Disposition"] == f'attachment; filename="certificate-{erasure}.json"'
    verify_certificate(certificate.content, vkeys())
    again = api.post("/erasures", {"request": name})
    assert (again.status_code, again.json()["id"]) == (200, erasure)


def test_erasures_are_listed_newest_first_in_pages(organization, api):
    names = [tagged(Tag.REQUEST, config().cell, serve(organization.workspace, stored=False)) for _ in range(3)]
    for name in names:
        api.post("/erasures", {"request": name})
    first = api.get("/erasures?limit=2").json()
    assert [item["request"] for item in first["results"]] == [names[2], names[1]]
    second = api.client.get(first["next"]).json()
    assert [item["request"] for item in second["results"]] == [names[0]]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("request_id", "status"),
    [
        (f"req_eude1_{uuid7().hex}", 404),
        (f"req_usea1_{uuid7().hex}", 421),
        (f"ws_eude1_{uuid7().hex}", 404),
        ("nonsense", 404),
        ("", 400),
        (None, 400),
        (7, 404),
        ("x" * 100, 400),
    ],
)
def test_what_cannot_be_erased_is_an_error(organization, api, request_id, status):
    assert api.post("/erasures", {"request": request_id}).status_code == status
    assert api.get("/erasures").json()["results"] == []


def test_another_workspaces_request_and_erasure_are_not_there(organization, api):
    other = make_workspace(organization)
    theirs = Api(make_key(organization, other).token, tagged(Tag.WORKSPACE, config().cell, other.id))
    request = tagged(Tag.REQUEST, config().cell, serve(organization.workspace))
    assert theirs.post("/erasures", {"request": request}).status_code == 404
    erasure = api.post("/erasures", {"request": request}).json()["id"]
    assert theirs.get(f"/erasures/{erasure}").status_code == 404
    assert theirs.get(f"/erasures/{erasure}/certificate").status_code == 404
    assert untag(erasure, Tag.ERASURE, config().cell)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("get", "/retention-policy", Scope.RETENTION_READ),
        ("put", "/retention-policy", Scope.RETENTION_WRITE),
        ("get", "/erasures", Scope.ERASURES_READ),
        ("post", "/erasures", Scope.ERASURES_WRITE),
        ("get", f"/erasures/ers_eude1_{uuid7().hex}", Scope.ERASURES_READ),
        ("get", f"/erasures/ers_eude1_{uuid7().hex}/certificate", Scope.ERASURES_READ),
    ],
)
def test_each_method_takes_its_scope(organization, method, path, scope):
    arguments = ({},) if method in ("put", "post") else ()
    without = make_key(organization, organization.workspace, scopes=frozenset(Scope) - {scope})
    refused = getattr(Api(without.token, organization.workspace_id), method)(path, *arguments)
    assert refused.status_code == 403
    assert refused.json()["scope"] == scope
    only = make_key(organization, organization.workspace, scopes={scope})
    allowed = getattr(Api(only.token, organization.workspace_id), method)(path, *arguments)
    assert allowed.status_code not in (401, 403)
    stranger = Api("sk-eude1-nothing", organization.workspace_id)
    assert getattr(stranger, method)(path, *arguments).status_code == 401


def test_a_subject_is_erased_over_the_api_and_its_name_is_nowhere(api, organization, capfd):
    serve(organization.workspace, subject="anna@example.org")
    preview = api.post("/erasures?dry_run=true", {"subject": "anna@example.org"})
    assert preview.status_code == 200
    assert preview.json()["found"]["payload-rows"] == 1
    asked = api.post("/erasures", {"subject": "anna@example.org"})
    assert asked.status_code == 202
    run_jobs(organization.workspace)
    done = api.get(f"/erasures/{asked.json()['id']}").json()
    assert (done["scope"], done["state"], done["certified"], done["request"]) == (
        *("subject", "primary-erased", True),
        None,
    )
    assert done["received_at"] < done["due_at"]
    certificate = api.get(f"/erasures/{done['id']}/certificate")
    verify_certificate(certificate.content, vkeys())
    assert api.get(f"/erasures/{done['id']}/certificate?final=true").status_code == 409
    for shown in (asked.content, certificate.content, capfd.readouterr().err.encode()):
        assert b"anna" not in shown
    unknown = api.post("/erasures", {"subject": "ben@example.org"})
    longest, longer = (api.post("/erasures", {"subject": "b" * (LONGEST_SUBJECT + more)}) for more in (0, 1))
    assert unknown.status_code == 404
    assert (longest.status_code, longer.status_code) == (404, 400)
    assert b"ben@" not in unknown.content


def test_a_workspace_is_erased_by_naming_it(api, organization):
    other = tagged(Tag.WORKSPACE, config().cell, make_workspace(organization).id)
    assert api.post("/erasures", {"workspace": other}).status_code == 400
    assert api.post("/erasures", {}).status_code == 400
    local = Api(make_key(organization, organization.workspace).token, organization.workspace_id)
    assert local.post("/erasures", {"workspace": organization.workspace_id}).status_code == 403
    asked = api.post("/erasures", {"workspace": organization.workspace_id})
    assert asked.status_code == 202
    run_jobs(organization.workspace)
    assert api.get(f"/erasures/{asked.json()['id']}").json()["state"] == "primary-erased"
    assert local.get("/erasures").status_code == 401, "its keys are revoked"


def test_a_hold_is_placed_seen_and_released(api, organization):
    request = tagged(Tag.REQUEST, config().cell, serve(organization.workspace))
    assert api.post("/holds", {"request": request}).status_code == 400
    assert api.post("/holds", {"reason": "Claim 7/2026"}).status_code == 400
    placed = api.post("/holds", {"request": request, "reason": "Claim 7/2026"})
    assert placed.status_code == 201
    asked = api.post("/erasures", {"request": request})
    run_jobs(organization.workspace)
    assert api.get(f"/erasures/{asked.json()['id']}").json()["state"] == "held"
    (listed,) = api.get("/holds").json()["results"]
    assert (listed["scope"], listed["reason"], listed["released_at"]) == ("request", "Claim 7/2026", None)
    released = api.client.delete(f"{api._base}/holds/{placed.json()['id']}")
    assert released.status_code == 200
    assert released.json()["released_at"]
