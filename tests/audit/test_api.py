from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audit import canonical
from audit.checkpoint import Checkpoint, decode
from audit.merkle import leaf_hash, verify_consistency, verify_inclusion
from audit.sealer import seal_tree
from audit.verifier.__main__ import main
from audit.verifier.proof import verify_proof
from cell import jobs, notes
from cell.access import Scope
from cell.ids import Tag, untag, uuid7
from cell.models import Job
from cell.tenancy import workspace_scope
from tests.audit.unpacking import unpack
from tests.factories import Organization, make_key, make_organization, make_workspace

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def organization(committed: None) -> Organization:
    return make_organization()


class _Api:
    def __init__(self, token: str, workspace: str) -> None:
        self._base, self._headers = f"/api/workspaces/{workspace}/audit", {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Any:
        return Client().get(f"{self._base}/{path}", headers=self._headers)

    def post(self, path: str, body: object = None) -> Any:
        return Client().post(f"{self._base}/{path}", body, content_type="application/json", headers=self._headers)


@pytest.fixture
def api(organization: Organization) -> _Api:
    seal_tree(organization.workspace_id)
    return _Api(organization.admin_key, organization.workspace_id)


def _hashes(texts: list[str]) -> list[bytes]:
    return [decode(text) or b"" for text in texts]


def test_entries_are_listed_newest_first_with_their_place_in_the_log(organization: Organization, api: _Api) -> None:
    make_key(organization, organization.workspace)

    answer = api.get("entries").json()

    entries = answer["results"]
    assert [item["entry"]["action"] for item in entries[:1]] == ["key.issued"]
    assert entries[0]["seq"] is None
    assert [item["seq"] for item in entries[1:]] == list(range(len(entries) - 1))[::-1]
    assert {item["entry"]["workspace"] for item in entries} == {organization.workspace_id}
    assert api.get("entries?kind=inference").json()["results"] == []
    assert api.get("entries?kind=change").json() == answer
    assert api.get("entries?kind=other").status_code == 400


def test_pages_are_walked_with_a_cursor(organization: Organization, api: _Api) -> None:
    for _ in range(5):
        make_key(organization, organization.workspace)
    everything = [item["entry"]["id"] for item in api.get("entries").json()["results"]]

    walked, page = [], api.get("entries?limit=2").json()
    while True:
        walked += [item["entry"]["id"] for item in page["results"]]
        if page["next"] is None:
            break
        page = api.get(f"entries?{page['next'].partition('?')[2]}").json()

    assert walked == everything and len(walked) == len(set(walked))


def test_the_checkpoint_is_signed_and_an_older_one_is_proven_to_be_its_beginning(
    organization: Organization, api: _Api
) -> None:
    old = api.get("checkpoint").json()
    make_key(organization, organization.workspace)
    seal_tree(organization.workspace_id)

    new = api.get(f"checkpoint?since={old['size']}").json()

    signed = Checkpoint.parse(notes.verify(new["note"], new["vkeys"]))
    assert (signed.size, signed.root) == (new["size"], decode(new["root"]))
    assert new["size"] == old["size"] + 1 and new["since"] == old["size"]
    verify_consistency(
        first=old["size"],
        second=new["size"],
        first_root=decode(old["root"]) or b"",
        second_root=signed.root,
        path=_hashes(new["consistency"]),
    )


@pytest.mark.parametrize("since", ["0", "-1", "1000000", "x", "1.5", "", "9" * 30, "٣"])
def test_there_is_no_consistency_from_nothing_nor_from_what_never_was(api: _Api, since: str) -> None:
    answer = api.get(f"checkpoint?since={since}")

    assert (answer.status_code, answer.json()["title"]) == (400, "no-consistency")
    assert "Give the size of a checkpoint that you hold" in answer.json()["detail"]


def test_an_entry_is_proven_to_be_in_the_log(api: _Api) -> None:
    entry = api.get("entries").json()["results"][-1]["entry"]

    proof = api.get(f"proofs/{entry['id']}").json()

    signed = Checkpoint.parse(notes.split(proof["checkpoint"])[0])
    assert json.loads(proof["entry"]) == entry
    assert canonical.dumps(entry) == proof["entry"].encode()
    verify_inclusion(
        index=proof["index"],
        size=proof["size"],
        leaf=leaf_hash(proof["entry"].encode()),
        path=_hashes(proof["path"]),
        root=signed.root,
    )
    assert proof["tlog_proof"].endswith(proof["checkpoint"])
    keys = api.get("checkpoint").json()["vkeys"]
    assert f"entry {proof['index']} of {proof['size']}" in verify_proof(proof["tlog_proof"].encode(), keys).what


def test_what_has_no_proof_says_why(organization: Organization, api: _Api) -> None:
    make_key(organization, organization.workspace)
    unsealed = api.get("entries").json()["results"][0]["entry"]["id"]

    assert api.get(f"proofs/{unsealed}").json()["title"] == "not-sealed"
    for unknown in (f"ent_eude1_{uuid7().hex}", f"ent_usea1_{uuid7().hex}", "nonsense", organization.workspace_id):
        assert api.get(f"proofs/{unknown}").status_code == 404


def test_a_fresh_workspace_has_no_checkpoint_for_a_second(organization: Organization) -> None:
    workspace = make_workspace(organization)
    fresh = _Api(organization.admin_key, f"ws_eude1_{workspace.id.hex}")

    assert (fresh.get("checkpoint").status_code, fresh.get("checkpoint").json()["title"]) == (404, "not-sealed")
    assert fresh.get("checkpoint?since=1").status_code == 404


def test_an_export_is_asked_for_awaited_taken_home_and_verified(
    organization: Organization, api: _Api, tmp_path: Path
) -> None:
    asked = api.post("exports")
    export = asked.json()
    assert asked.status_code == 202 and asked["Location"].endswith(f"/exports/{export['id']}")
    assert api.get(f"exports/{export['id']}/download").json()["title"] == "not-ready"
    with workspace_scope(organization.workspace):
        number = untag(export["id"], Tag.EXPORT, "eude1")
        job = Job.objects.get(effect_key=f"export/{number}").id
    jobs.run(job)

    done = api.get(f"exports/{export['id']}").json()
    content = b"".join(api.get(f"exports/{export['id']}/download").streaming_content)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        unpack(tar, tmp_path / "export")

    assert done["state"] == "ready" and done["size_bytes"] == len(content)
    assert api.get("exports").json()["results"] == [done]
    assert main([str(tmp_path / "export"), "--key", api.get("checkpoint").json()["vkeys"][0]]) == 0
    assert [item["entry"]["action"] for item in api.get("entries").json()["results"][:3]] == [
        "export.downloaded",
        "export.completed",
        "export.requested",
    ]


def test_an_export_comes_in_the_formats_that_were_asked_for(
    organization: Organization, api: _Api, tmp_path: Path
) -> None:
    asked = api.post("exports", {"formats": ["ocsf", "cef", "ocsf"]})
    assert asked.status_code == 202
    with workspace_scope(organization.workspace):
        number = untag(asked.json()["id"], Tag.EXPORT, "eude1")
        job = Job.objects.get(effect_key=f"export/{number}").id
    jobs.run(job)

    content = b"".join(api.get(f"exports/{asked.json()['id']}/download").streaming_content)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        unpack(tar, tmp_path / "export")

    kinds = {path.name.partition("-")[0] for path in (tmp_path / "export").glob("*.gz")}
    assert kinds == {"entries", "ocsf", "cef"}
    assert main([str(tmp_path / "export"), "--key", api.get("checkpoint").json()["vkeys"][0]]) == 0
    requested = next(
        item["entry"] for item in api.get("entries").json()["results"] if item["entry"]["action"] == "export.requested"
    )
    assert requested["after"] == {"formats": ["cef", "ocsf"], "state": "requested"}


@pytest.mark.parametrize(
    "body", [{"formats": ["leef"]}, {"formats": "ocsf"}, {"formats": ["ocsf"] * 4}, {"formats": None}, ["ocsf"]]
)
def test_a_format_that_is_not_known_is_refused_before_anything_is_made(api: _Api, body: object) -> None:
    before = api.get("exports").json()["results"]

    assert api.post("exports", body).status_code == 400
    assert api.get("exports").json()["results"] == before


def test_reading_is_not_exporting(organization: Organization) -> None:
    reader = _Api(
        make_key(organization, organization.workspace, scopes={Scope.AUDIT_READ}).token, organization.workspace_id
    )

    assert reader.get("entries").status_code == 200
    assert (reader.post("exports").status_code, reader.post("exports").json()["title"]) == (403, "missing-scope")


def test_another_organization_finds_nothing_here(organization: Organization, api: _Api) -> None:
    entry = api.get("entries").json()["results"][0]["entry"]["id"]
    export = api.post("exports").json()["id"]
    stranger = make_organization()
    through = _Api(stranger.admin_key, organization.workspace_id)
    beside = _Api(stranger.admin_key, stranger.workspace_id)

    for path in ("entries", "checkpoint", f"proofs/{entry}", "exports", f"exports/{export}"):
        assert through.get(path).status_code == 404
    for path in (f"proofs/{entry}", f"exports/{export}", f"exports/{export}/download"):
        assert beside.get(path).status_code == 404
