"""The cell's own tree over the API: what each organization sees of it, and what it can prove."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import transaction
from django.test import Client

from audit.actions import Action
from audit.checkpoint import Checkpoint, decode
from audit.log import record
from audit.merkle import leaf_hash, verify_consistency, verify_inclusion
from audit.models import AuditEntry
from audit.sealer import seal_tree
from audit.supertree import seal_checkpoints
from audit.tlogproof import TlogProof
from bailiwick.embedded.cluster import Cluster
from cell import notes
from cell.access import Scope, system_actor
from cell.ids import uuid7
from cell.tenancy import organization_scope, workspace_scope
from tests.factories import Organization, make_key, make_organization

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def organization(committed: None) -> Organization:
    made = make_organization()
    with transaction.atomic():
        record(actor=system_actor("command"), action=Action.MODEL_REMOVED, targets=["some-model"])
        record(actor=system_actor("sign-in"), action=Action.SIGN_IN_REFUSED, after={"cause": "unknown-account"})
    seal_tree("cell")
    return made


def _get(organization: Organization, path: str, token: str | None = None) -> Any:
    headers = {"Authorization": f"Bearer {token or organization.admin_key}"}
    return Client().get(f"/api/organization/audit/{path}", headers=headers)


def _entries(organization: Organization) -> list[dict[str, Any]]:
    return [item["entry"] for item in _get(organization, "entries?limit=500").json()["results"]]


def _signed(answer: dict[str, Any]) -> Checkpoint:
    return Checkpoint.parse(notes.split(answer["checkpoint"])[0])


def _hashes(texts: list[str]) -> list[bytes]:
    return [decode(text) or b"" for text in texts]


def test_an_organization_sees_its_own_entries_and_what_was_done_to_the_cell(organization: Organization) -> None:
    stranger = make_organization()

    found = _entries(organization)

    mine = f"org_eude1_{organization.id.hex}"
    assert {entry["organization"] for entry in found} == {mine, None}
    assert {entry["workspace"] for entry in found} == {None}
    assert "organization.created" in {entry["action"] for entry in found if entry["organization"] == mine}
    others = {entry["action"] for entry in found if entry["organization"] is None}
    assert "model.removed" in others
    assert all(action.startswith(("cell.", "log.", "model.", "root-key.")) for action in others)
    assert not {entry["id"] for entry in found if entry["organization"]} & {
        entry["id"] for entry in _entries(stranger)
    } - {entry["id"] for entry in found if entry["organization"] is None}


def test_its_entries_are_proven_past_the_entries_of_others(organization: Organization) -> None:
    for _ in range(3):
        make_organization()
    entries = _entries(organization)[:10]
    seal_tree("cell")

    for entry in entries:
        proof = _get(organization, f"proofs/{entry['id']}").json()
        signed = _signed(proof)
        assert signed.origin == "audit.eu-de-1.bailiwick/cell"
        verify_inclusion(
            index=proof["index"],
            size=signed.size,
            leaf=leaf_hash(proof["entry"].encode()),
            path=_hashes(proof["path"]),
            root=signed.root,
        )


def test_an_entry_of_another_organization_has_no_proof_here(organization: Organization, cluster: Cluster) -> None:
    stranger = make_organization()
    seal_tree("cell")
    theirs = [entry["id"] for entry in _entries(stranger) if entry["organization"] is not None]
    with psycopg.connect(cluster.url("bailiwick_auditor")) as auditor:
        rows = auditor.execute(
            "select id from audit_entry where tree = 'cell' and organization_id is null"
            " and convert_from(body, 'UTF8')::jsonb ->> 'action' = 'member.sign-in-refused'"
        ).fetchall()

    for entry in [*theirs, *(f"ent_eude1_{number.hex}" for (number,) in rows), f"ent_eude1_{uuid7().hex}", "nonsense"]:
        assert _get(organization, f"proofs/{entry}").status_code == 404
    assert theirs and rows


def test_the_tree_only_grew(organization: Organization) -> None:
    old = _get(organization, "checkpoint").json()
    make_organization()
    seal_tree("cell")

    new = _get(organization, f"checkpoint?since={old['size']}").json()

    signed = Checkpoint.parse(notes.verify(new["note"], new["vkeys"]))
    verify_consistency(
        first=old["size"],
        second=new["size"],
        first_root=decode(old["root"]) or b"",
        second_root=signed.root,
        path=_hashes(new["consistency"]),
    )
    assert _get(organization, "checkpoint?since=0").status_code == 400


@pytest.mark.parametrize("base", ["organization/audit", "workspaces/{}/audit"])
def test_a_checkpoint_is_proven_to_be_in_the_tree_of_all_checkpoints(organization: Organization, base: str) -> None:
    seal_tree(organization.workspace_id)
    seal_checkpoints()

    def get(path: str) -> Any:
        headers = {"Authorization": f"Bearer {organization.admin_key}"}
        return Client().get(f"/api/{base.format(organization.workspace_id)}/{path}", headers=headers)

    note = get("checkpoint").json()["note"]
    proof = get("cell-proof").json()
    top = get("cell-checkpoint").json()

    signed = Checkpoint.parse(notes.verify(proof["checkpoint"], top["vkeys"]))
    assert proof["leaf"] == notes.split(note)[0]
    assert signed.origin == "audit.eu-de-1.bailiwick/checkpoints"
    verify_inclusion(
        index=proof["index"],
        size=proof["size"],
        leaf=leaf_hash(proof["leaf"].encode()),
        path=_hashes(proof["path"]),
        root=signed.root,
    )
    file = TlogProof.parse(proof["tlog_proof"])
    assert (file.index, file.extra, file.checkpoint) == (proof["index"], proof["leaf"].encode(), proof["checkpoint"])
    size = Checkpoint.parse(proof["leaf"]).size
    assert get(f"cell-proof?size={size}").json()["index"] == proof["index"]
    assert get(f"cell-proof?size={size + 1}").json()["title"] == "not-listed"
    for wrong in ("x", "-1", "", "9" * 30):
        assert get(f"cell-proof?size={wrong}").status_code == 400
    assert get(f"cell-checkpoint?since={top['size']}").json()["consistency"] == []
    assert get("cell-checkpoint?since=0").json()["title"] == "no-consistency"


def test_a_fresh_workspace_is_not_listed_yet(organization: Organization) -> None:
    headers = {"Authorization": f"Bearer {organization.admin_key}"}
    answer = Client().get(f"/api/workspaces/{organization.workspace_id}/audit/cell-proof", headers=headers)

    assert (answer.status_code, answer.json()["title"]) == (404, "not-listed")


def test_a_key_of_one_workspace_does_not_read_the_cells_log(organization: Organization) -> None:
    key = make_key(organization, organization.workspace, scopes={Scope.AUDIT_READ}).token

    for path in ("entries", "checkpoint", "cell-proof", f"entries/ent_eude1_{uuid7().hex}/detail"):
        answer = _get(organization, path, key)
        assert (answer.status_code, answer.json()["title"]) == (403, "missing-scope")


def test_a_detail_is_shown_to_who_may_read_the_log_and_is_not_cached(organization: Organization) -> None:
    with organization_scope(organization.id):
        number = record(
            actor=organization.owner,
            action=Action.SIGNED_IN,
            organization=organization.id,
            detail={"address": "203.0.113.9"},
        )

    answer = _get(organization, f"entries/ent_eude1_{number.hex}/detail")

    assert answer.json()["detail"] == {"address": "203.0.113.9"}
    assert answer["Cache-Control"] == "no-store"
    assert _entries(organization)[0]["action"] == "detail.read"
    assert answer.json()["detail_commit"] == next(
        entry["detail_commit"] for entry in _entries(organization) if entry["id"] == f"ent_eude1_{number.hex}"
    )
    assert _get(make_organization(), f"entries/ent_eude1_{number.hex}/detail").status_code == 404


def test_the_cells_entries_are_seen_in_the_scope_of_an_organization_alone(organization: Organization) -> None:
    def seen() -> int:
        return AuditEntry.objects.filter(organization_id__isnull=True).count()

    with organization_scope(organization.id):
        assert seen() > 0
    with workspace_scope(organization.workspace):
        assert seen() == 0
    assert seen() == 0
