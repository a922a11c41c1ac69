"""A customer's own witness, behind their TLS, from naming it to an export that a verifier holds against it."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit import canonical, certificates, proofs
from audit.actions import Action
from audit.checkpoint import Checkpoint, origin
from audit.cosigning import job
from audit.cosigning.job import Asking
from audit.cosigning.witnesses import NamedWitness, WitnessInfo, witness_list, witnesses_set
from audit.entry import CELL_TREE
from audit.exports import export_create, export_download
from audit.log import record, tree_of
from audit.models import AuditEntry
from audit.sealer import seal_tree
from audit.signing import signers, vkeys
from audit.tlogproof import TlogProof
from audit.verifier.__main__ import main
from audit.witness.cosignature import cosigned
from cell import jobs
from cell.access import WorkspaceRef
from cell.ids import Tag, tagged
from cell.models import Job
from cell.notes import sign, verify
from cell.tenancy import workspace_scope
from tests.audit.cosigning.conftest import Customers, Make, Name, Rows
from tests.audit.people import a_member, a_workspace
from tests.audit.unpacking import unpack
from tests.audit.verifier.second import SecondVerifier


@pytest.fixture(scope="module")
def second() -> Iterator[SecondVerifier]:
    with SecondVerifier() as found:
        yield found


@pytest.fixture
def workspace() -> WorkspaceRef:
    return a_workspace()


def _grow(workspace: WorkspaceRef, entries: int = 3) -> None:
    with workspace_scope(workspace):
        for _ in range(entries):
            record(actor=a_member(workspace), action=Action.WORKSPACE_UPDATED, workspace=workspace)


def _named(workspace: WorkspaceRef, *witnesses: NamedWitness) -> list[WitnessInfo]:
    expected = [info.named for info in witness_list(workspace)]
    return witnesses_set(actor=a_member(workspace), workspace=workspace, witnesses=witnesses, expected=expected)


def _export(workspace: WorkspaceRef, folder: Path) -> Path:
    asked = export_create(actor=a_member(workspace), workspace=workspace)
    with workspace_scope(workspace):
        number = Job.objects.get(effect_key=f"export/{asked.id}").id
    jobs.run(number)
    with (
        export_download(actor=a_member(workspace), workspace=workspace, export=asked.id) as content,
        tarfile.open(fileobj=io.BytesIO(content.read())) as tar,
    ):
        unpack(tar, folder)
    return folder


def _statuses(second: SecondVerifier, path: Path, *witnesses: str) -> set[int]:
    """What the two verifiers say, by the cell's own key and one of these witnesses."""
    words = [word for vkey in vkeys() for word in ("--key", vkey)]
    words += [word for witness in witnesses for word in ("--witness", witness)]
    first = main([str(path), *words, *(["--threshold", "1"] if witnesses else [])])
    limit: dict[str, Any] = {"witnesses": list(witnesses), "threshold": 1} if witnesses else {}
    return {first, second.status(path, keys=vkeys(), **limit)}


def test_an_export_is_cosigned_by_the_workspaces_witness(
    workspace: WorkspaceRef, customers: Customers, second: SecondVerifier, make: Make, tmp_path: Path
) -> None:
    stranger = make("stranger.example.org/1")
    _grow(workspace)
    _named(workspace, customers.named)

    first = _export(workspace, tmp_path / "first")
    _grow(workspace)
    following = _export(workspace, tmp_path / "following")

    for export in (first, following):
        assert _statuses(second, export) == {0}
        assert _statuses(second, export, customers.named.vkey) == {0}
        assert _statuses(second, export, customers.named.vkey, str(stranger.key)) == {0}
        assert _statuses(second, export, str(stranger.key)) == {3}
    assert main([str(following), "--previous", str(first), "--witness", customers.named.vkey]) == 0
    old = (following / "checkpoint.old").read_text()
    assert customers.program.key in cosigned(old, [customers.program.key])


def test_an_export_is_cosigned_by_the_cells_witnesses_by_way_of_the_tree_of_checkpoints(
    workspace: WorkspaceRef, make: Make, name: Name, second: SecondVerifier, tmp_path: Path
) -> None:
    cells, other = make(), make("other.example.org/2")
    name(cells.named)
    job.run()
    for number in range(2):
        _grow(workspace)
        export = _export(workspace, tmp_path / f"export-{number}")

        assert _statuses(second, export, str(cells.key)) == {0}
        assert _statuses(second, export, str(other.key)) == {3}


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_witness_that_does_not_answer_costs_an_export_its_line_and_a_moment(
    number: signal.Signals, workspace: WorkspaceRef, customers: Customers, second: SecondVerifier, tmp_path: Path
) -> None:
    _named(workspace, customers.named)
    customers.program.send(number)

    began = time.monotonic()
    export = _export(workspace, tmp_path / "export")
    first_s = time.monotonic() - began
    began = time.monotonic()
    _export(workspace, tmp_path / "other")
    second_s = time.monotonic() - began

    assert first_s < 6 and second_s < 2.5, "it is not asked again at once"
    assert _statuses(second, export) == {0}
    assert _statuses(second, export, customers.named.vkey) == {3}


def test_what_is_checked_against_a_checkpoint_is_against_the_one_that_was_cosigned(
    workspace: WorkspaceRef, customers: Customers, second: SecondVerifier, tmp_path: Path
) -> None:
    _grow(workspace)
    seal_tree(tree_of(workspace))
    _named(workspace, customers.named)
    seal_tree(tree_of(workspace))
    assert job.run() == Asking(1, 0)
    signed = proofs.checkpoint(workspace)
    assert proofs.witnessed(workspace) == signed and customers.program.key in cosigned(
        signed.note, [customers.program.key]
    )

    _grow(workspace)
    seal_tree(tree_of(workspace))

    newest = proofs.checkpoint(workspace)
    assert newest.size > signed.size and cosigned(newest.note, [customers.program.key]) == {}
    assert proofs.witnessed(workspace) == signed
    with workspace_scope(workspace):
        old, new = (AuditEntry.objects.get(workspace_id=workspace.id, seq=seq).id for seq in (1, signed.size))
    for entry, statuses in ((old, {0}), (new, {3})):
        path = tmp_path / "it.tlog-proof"
        path.write_text(proofs.inclusion(workspace, entry).tlog_proof)
        assert _statuses(second, path) == {0}
        assert _statuses(second, path, customers.named.vkey) == statuses
    assert TlogProof.parse(proofs.inclusion(workspace, old).tlog_proof).checkpoint == signed.note


def test_a_certificate_is_cosigned(
    workspace: WorkspaceRef, customers: Customers, second: SecondVerifier, tmp_path: Path
) -> None:
    _named(workspace, customers.named)
    statement = {"workspace": tree_of(workspace), "type": "test"}
    body = canonical.dumps(statement)
    digest = hashlib.sha256(body).hexdigest()
    with workspace_scope(workspace):
        entry = record(
            actor=a_member(workspace),
            action=Action.ERASURE_COMPLETED,
            workspace=workspace,
            after={"statement_sha256": digest},
        )

    path = tmp_path / "certificate.json"
    path.write_bytes(certificates.issue(body, workspace=workspace, entry=entry))

    assert _statuses(second, path, customers.named.vkey) == {0}


def test_a_fork_is_refused_and_told_to_its_organization(
    workspace: WorkspaceRef, customers: Customers, rows: Rows
) -> None:
    _grow(workspace)
    seal_tree(tree_of(workspace))
    fork = Checkpoint(origin("eu-de-1", tree_of(workspace)), 2, b"f" * 32)
    assert customers.program.asked.add(f"old 0\n\n{sign(fork.text, signers())}").status == 200
    _named(workspace, customers.named)

    assert job.run() == Asking(0, 1)

    (info,) = witness_list(workspace)
    assert (info.cause, info.refused_at is not None, info.size) == ("rewritten", True, 0)
    with workspace_scope(workspace):
        mine = [json.loads(bytes(row.body)) for row in AuditEntry.objects.filter(workspace_id=workspace.id)]
    cells = [
        json.loads(bytes(row.body))
        for row in AuditEntry.objects.using("auditor").filter(tree=CELL_TREE, organization_id=workspace.organization)
    ]
    (own,), (cell,) = (
        [entry for entry in found if entry["action"] == Action.WITNESS_REFUSED] for found in (mine, cells)
    )
    after = {"witness": customers.program.key.hash.hex(), "cause": "rewritten", "size": 3, "cosigned_size": 2}
    assert own["after"] == cell["after"] == after
    assert cell["targets"] == [tagged(Tag.WORKSPACE, "eude1", workspace.id)]
    # Named once more, it is asked once more, and what it says then is told once more.
    assert _named(workspace, customers.named)[0].cause == ""
    assert job.run() == Asking(0, 1)


def test_only_what_is_public_is_reached_and_only_whom_it_trusts(
    workspace: WorkspaceRef, customers: Customers, monkeypatch: pytest.MonkeyPatch, rows: Rows
) -> None:
    _grow(workspace)
    seal_tree(tree_of(workspace))
    _named(workspace, replace(customers.named, ca=""))
    job.run()
    assert witness_list(workspace)[0].cause == "untrusted"

    monkeypatch.undo()
    _named(workspace, customers.named)
    job.run()

    assert witness_list(workspace)[0].cause == "forbidden"


def test_each_witness_gets_the_log_of_its_own_workspace_alone(
    workspace: WorkspaceRef, customers: Customers, make: Make
) -> None:
    other = a_workspace()
    for each in (workspace, other):
        _grow(each)
        seal_tree(tree_of(each))
    _named(workspace, customers.named)

    assert job.run() == Asking(1, 0)

    assert witness_list(other) == []
    assert proofs.witnessed(other) is None
    signed = proofs.witnessed(workspace)
    assert signed is not None and tree_of(workspace) in verify(signed.note, vkeys())


def test_a_log_that_is_damaged_keeps_nobody_else_from_being_asked(
    workspace: WorkspaceRef, customers: Customers, rows: Rows
) -> None:
    other = a_workspace()
    for each in (workspace, other):
        _grow(each)
        _named(each, customers.named)
        seal_tree(tree_of(each))
    job.run()
    for each in (workspace, other):
        _grow(each)
        seal_tree(tree_of(each))
    for statement in (
        "alter table audit_entry disable trigger audit_entry_kept",
        f"delete from audit_entry where tree = '{tree_of(workspace)}'",
        "alter table audit_entry enable trigger audit_entry_kept",
    ):
        rows.run(statement)
    rows.due()

    assert job.run() == Asking(1, 1)

    assert (witness_list(workspace)[0].cause, witness_list(other)[0].cause) == ("log-damaged", "")


def test_one_that_stays_goes_on_where_it_was(workspace: WorkspaceRef, customers: Customers, make: Make) -> None:
    _grow(workspace)
    seal_tree(tree_of(workspace))
    _named(workspace, customers.named)
    seal_tree(tree_of(workspace))
    job.run()
    other = NamedWitness("https://witness.example.org", str(make().key))

    infos = _named(workspace, other, customers.named)

    assert {info.named.vkey: info.size for info in infos} == {customers.named.vkey: 4, other.vkey: 0}
    (left,) = _named(workspace, customers.named)
    assert left.size == 4 and left.cosigned_at is not None
