from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from audit.actions import Action
from audit.checkpoint import signer_name
from audit.cosigning import job
from audit.models import AuditEntry
from audit.sealer import seal_tree
from audit.witness.cosignature import Witness, cosigned
from cell.access import Scope
from cell.tenancy import workspace_scope
from tests.audit.cosigning.conftest import Customers, Make, Name
from tests.factories import Organization, make_key, make_organization
from tests.peers.certificates import Authority

KEYS = [Witness(f"witness.example.org/{number}", bytes([number]) * 32).key for number in range(1, 5)]
URL = "https://witness.example.org/log"


class _Api:
    def __init__(self, token: str, workspace: str) -> None:
        self._headers = {"Authorization": f"Bearer {token}"}
        self._base = f"/api/workspaces/{workspace}/audit"

    def get(self, path: str = "/witnesses") -> Any:
        return Client().get(f"{self._base}{path}", headers=self._headers)

    def put(self, *witnesses: object, tag: str | None = "*") -> Any:
        headers = self._headers | ({} if tag is None else {"If-Match": tag})
        body = {"witnesses": list(witnesses)}
        return Client().put(f"{self._base}/witnesses", body, content_type="application/json", headers=headers)


@pytest.fixture
def organization() -> Organization:
    return make_organization()


@pytest.fixture
def api(organization: Organization) -> _Api:
    return _Api(organization.admin_key, organization.workspace_id)


def _one(number: int, **more: str) -> dict[str, str]:
    return {"url": URL, "vkey": str(KEYS[number]), **more}


def _changes(organization: Organization) -> list[dict[str, Any]]:
    with workspace_scope(organization.workspace):
        rows = AuditEntry.objects.filter(workspace_id=organization.workspace.id).order_by("id")
        entries = [json.loads(bytes(row.body)) for row in rows]
    return [entry for entry in entries if entry["action"] == Action.WITNESSES_CHANGED]


def test_witnesses_are_named_read_changed_and_dropped(organization: Organization, api: _Api) -> None:
    none = api.get()
    assert (none.status_code, none.json()) == (200, {"witnesses": [], "cell": []})
    ca = Authority().certificate

    made = api.put(_one(1), _one(0, ca=ca), tag=none["ETag"])

    assert made.status_code == 200 and made.json() == api.get().json()
    assert made["ETag"] == api.get()["ETag"] != none["ETag"]
    assert made.json()["witnesses"] == [
        {
            "url": URL,
            "vkey": str(KEYS[number]),
            "ca": pem,
            "size": 0,
            "cosigned_at": None,
            "cause": "",
            "refused_at": None,
        }
        for number, pem in ((0, ca.strip()), (1, ""))
    ]
    assert api.put(tag=made["ETag"]).json()["witnesses"] == []
    hashes = [KEYS[number].hash.hex() for number in (0, 1)]
    assert [(entry["before"], entry["after"], entry["scope"]) for entry in _changes(organization)] == [
        ({"witnesses": []}, {"witnesses": hashes}, "audit:export"),
        ({"witnesses": hashes}, {"witnesses": []}, "audit:export"),
    ]


def test_a_change_names_what_it_changes(organization: Organization, api: _Api) -> None:
    tag = api.put(_one(0))["ETag"]

    assert api.put(_one(1), tag=None).status_code == 428
    assert api.put(_one(1), tag='"another"').status_code == 412
    assert api.put(_one(1), tag=tag).status_code == 200
    assert api.put(_one(2), tag=tag).status_code == 412
    assert len(_changes(organization)) == 2
    assert api.put(_one(1)).status_code == 200
    assert len(_changes(organization)) == 2, "what changes nothing is no entry"


@pytest.mark.parametrize(
    "witnesses",
    [
        [{}],
        ["https://witness.example.org"],
        [{"url": URL}],
        [_one(0) | {"url": "http://witness.example.org"}],
        [_one(0) | {"url": "http://127.0.0.1:8090"}],
        [_one(0) | {"url": "https://bob:hunter2@witness.example.org"}],
        [_one(0) | {"url": "https://witness.example.org/?token=hunter2"}],
        [_one(0) | {"url": f"https://witness.example.org/{'x' * 2000}"}],
        [_one(0) | {"vkey": str(KEYS[0])[:-4]}],
        [_one(0) | {"vkey": "audit.eu-de-1.bailiwick+1a2b3c4d+AZ"}],
        [_one(0) | {"vkey": str(Witness(signer_name("eu-de-1"), bytes(32)).key)}],
        [_one(0) | {"vkey": str(Witness("wïtness", bytes(32)).key)}],
        [_one(0) | {"vkey": str(Witness("w" * 81, bytes(32)).key)}],
        [_one(0) | {"ca": "hunter2"}],
        [_one(0) | {"ca": "x" * 70_000}],
        [_one(0), _one(0)],
        [_one(0), _one(1), _one(2), _one(3)],
    ],
)
def test_what_describes_no_witness_is_refused(organization: Organization, api: _Api, witnesses: list[object]) -> None:
    refused = api.put(*witnesses)

    assert refused.status_code == 400
    assert refused["Content-Type"] == "application/problem+json"
    assert "hunter2" not in refused.content.decode()
    assert api.get().json()["witnesses"] == [] and _changes(organization) == []


def test_reading_is_not_naming_and_strangers_find_nothing(organization: Organization, api: _Api) -> None:
    reader = _Api(
        make_key(organization, organization.workspace, scopes={Scope.AUDIT_READ}).token, organization.workspace_id
    )
    stranger = make_organization()
    foreign = _Api(stranger.admin_key, organization.workspace_id)
    nothing = _Api(stranger.admin_key, "ws_eude1_" + "0" * 32)
    api.put(_one(0))

    assert reader.get().status_code == 200
    assert reader.put(_one(1)).status_code == 403
    assert foreign.get().status_code == foreign.put(_one(1)).status_code == 404
    assert foreign.get().content == nothing.get().content
    assert _Api(stranger.admin_key, stranger.workspace_id).get().json()["witnesses"] == []
    assert _Api("", organization.workspace_id).get().status_code == 401
    assert [item["vkey"] for item in api.get().json()["witnesses"]] == [str(KEYS[0])]


def test_checkpoints_show_who_cosigned_them(
    organization: Organization, api: _Api, customers: Customers, make: Make, name: Name
) -> None:
    cells = make()
    name(cells.named)
    assert api.get("/checkpoint").status_code in (200, 404)
    seal_tree(organization.workspace_id)
    assert api.get("/checkpoint").json()["witnessed"] is None
    named = customers.named
    api.put({"url": named.url, "vkey": named.vkey, "ca": named.ca})
    assert api.get().json()["cell"] == [str(cells.key)]
    seal_tree(organization.workspace_id)

    job.run()

    seen = api.get("/checkpoint").json()
    assert seen["witnessed"] == {name: seen[name] for name in ("size", "root", "note")}
    assert customers.program.key in cosigned(seen["note"], [customers.program.key])
    assert api.get("/log/checkpoint").content.decode() == seen["note"]
    (witness,) = api.get().json()["witnesses"]
    assert (witness["size"], witness["cause"]) == (seen["size"], "") and witness["cosigned_at"] is not None
