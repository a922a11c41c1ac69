"""`make chaos`: a million entries from eight writers, with writers, the sealer and the database killed, end up in one whole log.

Acknowledged means that group commit has said so and the writer has noted it. What was asked for and not acknowledged may be
there or not; nothing may be there twice, and nothing that nobody asked for.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import pytest

from audit.checkpoint import Checkpoint
from audit.merkle import Range, leaf_hash
from audit.verifier.export import verify_export
from bailiwick.embedded import postgres as pg
from bailiwick.tour.client import Client
from cell import notes
from tests.audit.verifier.second import SecondVerifier
from tests.chaos.victims import pid_of, wait_until_replaced
from tests.chaos.writer import read_ids
from tests.e2e.conftest import ROOT, RunningCell, clean_environ
from tests.e2e.conftest import cell as cell  # the fixture
from tests.e2e.inside import Inside

pytestmark = pytest.mark.chaos
ENTRIES = int(os.environ.get("CHAOS_ENTRIES", "1000000"))
WRITERS = 8
EVERY_S = 2.0
VICTIMS = ("writer", "worker", "writer", "postgres")
SEALED_WITHIN_S = 900


@dataclass
class Writers:
    """Eight processes; one that is killed is started again, until each has had its share acknowledged."""

    folder: Path
    conninfo: str
    tree: str
    killed: int = 0
    _running: dict[int, subprocess.Popen[str]] = field(default_factory=dict)
    _done: set[int] = field(default_factory=set)

    def tend(self) -> bool:
        """Starts who is not there; False once all are done."""
        for number in range(WRITERS):
            process = self._running.get(number)
            if process is not None and process.poll() == 0:
                self._done.add(number)
            if number not in self._done and (process is None or process.poll() is not None):
                self._running[number] = self._start(number)
        return len(self._done) < WRITERS

    def kill(self, number: int) -> None:
        process = self._running[number]
        if process.poll() is None:
            process.kill()
            process.wait()
            self.killed += 1

    def ids(self, kind: str) -> set[bytes]:
        return {id_ for path in self.folder.glob(f"*.{kind}") for id_ in read_ids(path)}

    def _start(self, number: int) -> subprocess.Popen[str]:
        share = str(ENTRIES // WRITERS)
        program = [sys.executable, "-m", "tests.chaos.writer", share, str(self.folder / str(number)), self.tree]
        process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=clean_environ(), cwd=ROOT
        )
        assert process.stdin is not None
        process.stdin.write(f"{self.conninfo}\n")
        process.stdin.close()
        return process


@pytest.fixture
def writers(cell: RunningCell, tmp_path: Path) -> Iterator[Writers]:
    inside = Inside(cell.home)
    conninfo = inside.postgres.url("bailiwick_web", inside.passwords["bailiwick_web"], pg.DATABASE)
    writers = Writers(tmp_path, conninfo, cell.info["workspace"])
    yield writers
    for number in range(WRITERS):
        writers.kill(number)


@pytest.mark.timeout(7200)
def test_a_million_entries_are_in_one_dense_log_whatever_is_killed(cell: RunningCell, writers: Writers) -> None:
    inside = Inside(cell.home)
    deaths = dict.fromkeys(VICTIMS, 0)
    began = time.monotonic()
    for number, victim in enumerate(cycle(VICTIMS)):
        due = time.monotonic() + EVERY_S
        while (busy := writers.tend()) and time.monotonic() < due:
            time.sleep(0.1)
        if not busy:
            break
        deaths[victim] += 1
        if victim == "writer":
            writers.kill(number % WRITERS)
            continue
        pid = pid_of(cell, victim)
        os.kill(pid, signal.SIGKILL)
        wait_until_replaced(cell, victim, pid)
    written = time.monotonic() - began
    wait_until_sealed(inside, writers.tree)
    sealed = time.monotonic() - began
    sys.stderr.write(f"\n{ENTRIES} written in {written:.0f} s and sealed after {sealed:.0f} s, killed: {deaths}\n")

    stored = check_log(inside, writers.tree, Client(cell.base_url, cell.admin_key))
    asked, told = writers.ids("asked"), writers.ids("told")
    assert writers.killed and all(deaths.values())
    assert len(told) >= ENTRIES
    # Sets' sizes: pytest would take minutes to explain how two such sets differ.
    assert len(told - stored) == 0
    others = inside.rows(
        "select count(*) from audit_entry where tree = %s and organization_id is not null", writers.tree
    )
    assert len(stored - asked) == others[0][0]
    check_exports(cell, writers)


def check_log(inside: Inside, tree: str, admin: Client) -> set[bytes]:
    """The ids in the tree, once its numbers are dense, each id is there once, and every checkpoint is of these entries."""
    vkeys = admin.call("GET", f"/api/workspaces/{tree}/audit/checkpoint").body["vkeys"]
    signed = inside.rows("select size, note from audit_checkpoint where tree = %s order by size", tree)
    signed = [Checkpoint.parse(notes.verify(note, vkeys)) for _, note in signed]
    grown, ids, places = Range(), set[bytes](), iter(signed)
    expected = next(places)
    with inside.connection() as auditor, auditor.transaction(), auditor.cursor("entries") as cursor:
        cursor.itersize = 5_000
        cursor.execute("select id, seq, body from audit_entry where tree = %s and seq is not null order by seq", [tree])
        for place, (id_, seq, body) in enumerate(cursor):
            assert seq == place
            assert id_.hex.encode() in body
            ids.add(id_.bytes)
            grown.extend([leaf_hash(body)])
            if grown.size == expected.size:
                assert grown.root() == expected.root
                expected = next(places, expected)
    assert len(ids) == grown.size == signed[-1].size
    return ids


def check_exports(cell: RunningCell, writers: Writers) -> None:
    """The whole log as it is handed out, in pieces that continue each other, for both verifiers."""
    admin, path = Client(cell.base_url, cell.admin_key), f"/api/workspaces/{writers.tree}/audit"
    vkeys = admin.call("GET", f"{path}/checkpoint").body["vkeys"]
    previous, end = None, 0
    with SecondVerifier() as second:
        while end < ENTRIES:
            export = admin.call("POST", f"{path}/exports").body
            while (export := admin.call("GET", f"{path}/exports/{export['id']}").body)["state"] == "requested":
                time.sleep(0.5)
            assert export["state"] == "ready" and export["first"] == end
            file = writers.folder / f"{end}.tar"
            file.write_bytes(admin.call("GET", f"{path}/exports/{export['id']}/download").content)
            verify_export(file, vkeys, previous)
            assert second.status(file, keys=vkeys, previous=previous and str(previous)) == 0
            previous, end = file, export["end"]


def wait_until_sealed(inside: Inside, tree: str) -> None:
    query = "select count(*) from audit_entry where tree = %s and seq is null"
    deadline = time.monotonic() + SEALED_WITHIN_S
    while inside.rows(query, tree)[0][0] > 5:  # what was written in the last second
        assert time.monotonic() < deadline
        time.sleep(1)
