"""The cell's witnesses, as programs of their own."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import threading
import time
from typing import Any

import pytest

from audit import proofs, tasks
from audit.actions import Action
from audit.checkpoint import Checkpoint, origin
from audit.cosigning import job, refusal
from audit.cosigning.job import Asking
from audit.entry import CELL_TREE
from audit.lateness import audit_metrics
from audit.log import record
from audit.models import AuditEntry, Cosignature, TreeWitness
from audit.sealer import seal_all
from audit.selectors import entry_list
from audit.signing import signers
from audit.supertree import seal_checkpoints
from audit.trees import SUPER_TREE, CellReader
from audit.witness.cosignature import cosigned
from cell.access import system_actor
from cell.ids import uuid7
from cell.notes import sign
from cell.tenancy import workspace_scope
from tests.audit.cosigning.conftest import Make, Name, Rows
from tests.audit.cosigning.programs import WitnessProgram
from tests.audit.people import a_workspace


def _grow() -> None:
    """Something happens in the cell and in a workspace of it, and the hour of the tree of checkpoints comes."""
    workspace = a_workspace()
    with workspace_scope(workspace):
        record(actor=system_actor("job"), action=Action.WORKSPACE_UPDATED, workspace=workspace)
        record(actor=system_actor("job"), action=Action.CELL_MIGRATED)
    seal_all()
    seal_checkpoints()


def _signed_by(program: WitnessProgram) -> set[str]:
    """Trees of the cell whose newest checkpoint it co-signed."""
    reader = CellReader(uuid7())
    notes = {CELL_TREE: proofs.checkpoint(reader).note, SUPER_TREE: proofs.super_checkpoint(reader).note}
    return {tree for tree, note in notes.items() if program.key in cosigned(note, [program.key])}


def _rows() -> list[TreeWitness]:
    return list(TreeWitness.objects.using("sealer").filter(workspace_id__isnull=True).order_by("tree"))


def _show(program: WitnessProgram, tree: str, size: int) -> None:
    """Shows the witness a log of `size` entries that are not the cell's, signed by the cell."""
    note = sign(Checkpoint(origin("eu-de-1", tree), size, b"f" * 32).text, signers())
    assert program.asked.add(f"old 0\n\n{note}").status == 200


def _figures() -> dict[str, float]:
    found = re.findall(r"^(bailiwick_audit_\w*witness\w*\{.*?\}) (\S+)$", asyncio.run(audit_metrics()).decode(), re.M)
    return {name: float(value) for name, value in found}


def test_each_of_the_cells_trees_is_cosigned_as_it_grows(make: Make, name: Name, rows: Rows) -> None:
    first, second = make(), make("other.example.org/2")
    name(first.named, second.named)
    for _ in range(3):
        _grow()
        assert _signed_by(first) == set()

        assert job.run() == Asking(4, 0)

        assert _signed_by(first) == _signed_by(second) == {CELL_TREE, SUPER_TREE}
        assert job.run() == Asking(0, 0)
        rows.due()
    assert job.run() == Asking(0, 0), "nothing grew since, so nobody is asked"
    assert {(row.failures, row.cause) for row in _rows()} == {(0, "")}
    assert len({row.next_at for row in _rows()}) == 2, "the witnesses of one tree have one turn"


def test_who_is_named_no_more_is_asked_no_more(make: Make, name: Name) -> None:
    program = make()
    name(program.named)
    _grow()
    job.run()

    name()
    job.run()

    assert _rows() == []
    assert CELL_TREE in _signed_by(program), "what was co-signed stays"


def test_cosigning_goes_on_when_the_witness_is_killed_and_comes_back(make: Make, name: Name, rows: Rows) -> None:
    program = make()
    name(program.named)
    for _ in range(3):
        _grow()
        program.kill()
        assert job.run() == Asking(0, 2)
        assert {(row.failures, row.cause) for row in _rows()} == {(1, "unreachable")}
        assert job.run() == Asking(0, 0), "it is left alone for a while"
        _grow()

        program.start()
        rows.due()

        assert job.run() == Asking(2, 0)
        assert _signed_by(program) == {CELL_TREE, SUPER_TREE}
        rows.due()


def test_a_witness_whose_answer_was_lost_is_asked_from_where_it_is(make: Make, name: Name, rows: Rows) -> None:
    program = make()
    name(program.named)
    _grow()
    job.run()
    rows.run("update audit_witness set size = 0")
    _grow()
    rows.due()

    assert job.run() == Asking(2, 0)


def test_a_witness_that_hangs_delays_neither_sealing_nor_the_others(make: Make, name: Name, rows: Rows) -> None:
    hanging, well = make(), make("other.example.org/2")
    name(hanging.named, well.named)
    _grow()
    hanging.send(signal.SIGSTOP)
    done: list[Asking] = []
    asking = threading.Thread(target=lambda: done.append(job.run()))
    asking.start()
    time.sleep(0.5)

    began = time.monotonic()
    _grow()
    sealing_s = time.monotonic() - began
    assert asking.is_alive() and sealing_s < 3
    assert not AuditEntry.objects.using("sealer").filter(seq__isnull=True).exists()
    assert job.run() == Asking(0, 0), "one run at a time: the other worker stays free"
    asking.join(20)

    assert done == [Asking(2, 2)]
    assert {row.cause for row in _rows() if row.failures} <= {"unreachable", "unacknowledged"}
    hanging.send(signal.SIGCONT)
    rows.due()
    assert job.run() == Asking(4, 0)
    assert _signed_by(hanging) == _signed_by(well) == {CELL_TREE, SUPER_TREE}


def test_waits_grow_to_ten_minutes(name: Name, make: Make, rows: Rows) -> None:
    program = make()
    name(program.named)
    _grow()
    program.kill()
    waits = []
    for _ in range(8):
        before = time.time()
        job.run()
        waits.append(round(max(row.next_at.timestamp() for row in _rows()) - before, -1))
        rows.due()

    assert waits == sorted(waits) and (waits[0], waits[-1]) == (20, 600)


@pytest.mark.parametrize(("size", "cause"), [(1, "rewritten"), (1 << 40, "rolled-back")])
def test_a_log_that_is_not_the_one_the_witness_saw_is_told_loudly(
    size: int, cause: str, make: Make, name: Name, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[dict[str, Any]] = []

    class _Log:
        def error(self, event: str, **fields: Any) -> None:
            errors.append({"event": event, **fields})

    monkeypatch.setattr(refusal, "log", _Log())
    program = make()
    name(program.named)
    _grow()
    _show(program, SUPER_TREE, size)
    begun = _entries()

    assert job.run() == Asking(1, 1)

    (error,) = errors
    assert (error["event"], error["key"], error["tree"], error["reason"]) == (
        "audit.witness.refused",
        "witness.example.org/1",
        SUPER_TREE,
        cause,
    )
    (entry,) = _entries()[len(begun) :]
    assert (entry["organization"], entry["targets"]) == (None, [SUPER_TREE])
    assert entry["after"] == {
        "witness": program.key.hash.hex(),
        "cause": cause,
        "size": error["size"],
        "cosigned_size": size,
    }
    assert _figures()['bailiwick_audit_witness_refusing{witness="witness.example.org/1"}'] == 1
    assert _signed_by(program) == {CELL_TREE}

    assert job.run() == Asking(0, 0), "not asked again for a day"
    rows.due()
    _grow()
    job.run()
    assert len(errors) == 2 and len(_entries()) == len(begun) + 1, "then it is heard again, and told once"


def test_what_is_of_no_organization_is_for_everyone_to_read(make: Make, name: Name) -> None:
    program = make()
    name(program.named)
    _grow()
    _show(program, CELL_TREE, 1)
    job.run()
    seal_all()

    newest = entry_list(CellReader(uuid7()), lambda rows: rows[:5])
    assert Action.WITNESS_REFUSED in [entry.document["action"] for entry in newest]


def test_how_far_a_witness_is_behind_is_a_figure_and_a_word(
    make: Make, name: Name, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []

    class _Log:
        def info(self, event: str, **_: int) -> None: ...
        def error(self, event: str, *, key: str, duration_ms: int) -> None:
            told.append((event, key))

    monkeypatch.setattr(tasks, "log", _Log())
    program = make()
    name(program.named)
    _grow()
    job.run()
    lag = 'bailiwick_audit_witness_lag_seconds{witness="witness.example.org/1"}'
    assert _figures()[lag] == 0
    seal_all()
    tasks.watch()
    assert told == []

    rows.run("update audit_witness set size = size - 1, created_at = now() - interval '1 day'")
    time.sleep(1.1)

    assert 1 <= _figures()[lag] < 600
    monkeypatch.setattr("audit.cosigning.lateness.LATE_S", 0.5)
    tasks.watch()
    assert told == [("audit.witness.late", "witness.example.org/1")]


def test_a_witness_of_other_logs_alone_fails_and_is_no_alarm(make: Make, name: Name) -> None:
    program = make(origins=(origin("eu-de-1", SUPER_TREE),))
    name(program.named)
    _grow()

    assert job.run() == Asking(1, 1)
    assert {row.tree: row.cause for row in _rows()} == {CELL_TREE: "status-404", SUPER_TREE: ""}
    assert all(row.refused_at is None for row in _rows())


def test_a_line_is_kept_as_it_stands_in_the_note(make: Make, name: Name) -> None:
    program = make()
    name(program.named)
    _grow()
    job.run()

    kept = Cosignature.objects.using("sealer").filter(vkey=str(program.key)).order_by("-created_at").first()
    assert kept is not None and kept.line.startswith("— witness.example.org/1 ") and kept.line.endswith("\n")


def _entries() -> list[dict[str, Any]]:
    """Those of the cell's log that tell of refusals, oldest first."""
    rows = AuditEntry.objects.using("auditor").filter(tree=CELL_TREE).order_by("id")
    found = [json.loads(bytes(row.body)) for row in rows]
    return [entry for entry in found if entry["action"] == Action.WITNESS_REFUSED]
