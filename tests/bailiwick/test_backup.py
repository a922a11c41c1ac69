"""Backups and restores of a real cell: what was erased after a backup does not come back with it."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from audit.sealer import seal_all
from bailiwick.embedded import postgres as pg
from cell.config import load
from cell.objects import FileObjectStore
from retention.backups.dumps import Programs
from retention.backups.errors import PlaceRefused
from retention.backups.places import open_place
from retention.ledger import Ledger
from tests.bailiwick.backing_up import (
    Kept,
    back_up,
    bucket_place,
    command,
    databases,
    empty_cell,
    environ_of,
    folder_place,
    run,
    starts,
    state,
    whole,
)
from tests.factories import make_organization, make_workspace
from tests.retention.conftest import committed
from tests.retention.erasing import ask, erasure_ledger
from tests.retention.erasing import run as work
from tests.retention.requests import serve

__all__ = ["committed"]
pytestmark = [pytest.mark.usefixtures("committed"), pytest.mark.timeout(400)]
ANNA, BEN = "anna@example.org", "ben"


@pytest.fixture
def folder(tmp_path) -> Kept:
    return folder_place(tmp_path / "place")


@pytest.fixture
def bucket(radosgw) -> Kept:
    return bucket_place(radosgw.bucket())


@pytest.fixture(params=["folder", "bucket"])
def place(request) -> Kept:
    """What holds for one kind of place holds for the other."""
    kept: Kept = request.getfixturevalue(request.param)
    return kept


class Served:
    """Requests of which some will be erased, one way or another."""

    def __init__(self) -> None:
        self.organization = make_organization()
        self.workspace, self.closing = self.organization.workspace, make_workspace(self.organization)
        self.kept = [serve(self.workspace, subject=BEN), serve(self.workspace)]
        self.alone = serve(self.workspace)
        self.annas = [serve(self.workspace, subject=ANNA), serve(self.workspace, subject=ANNA)]
        self.inside = [serve(self.closing), serve(self.closing, subject=BEN)]

    @property
    def all(self):
        of = [(self.workspace, request) for request in (*self.kept, self.alone, *self.annas)]
        of += [(self.closing, request) for request in self.inside]
        return [(workspace.id, workspace.organization, request) for workspace, request in of]

    @property
    def hex(self) -> set[str]:
        return {request.hex for _, _, request in self.all}

    @property
    def kept_hex(self) -> set[str]:
        return {request.hex for request in self.kept}

    def erase(self) -> None:
        for info, workspace in (
            (ask(self.organization, self.alone), self.workspace),
            (ask(self.organization, subject=ANNA), self.workspace),
            (ask(self.organization, workspace=self.closing, whole=True), self.closing),
        ):
            assert work(workspace, info).state == "primary-erased"


def entries(environ, action: str) -> list[dict]:
    owner, _ = databases(environ)
    with psycopg.connect(owner.conninfo) as connection:
        rows = connection.execute("select body from audit_entry where tree = 'cell' order by id").fetchall()
    return [body for (raw,) in rows if (body := json.loads(bytes(raw)))["action"] == action]


def test_what_is_erased_after_a_backup_does_not_come_back_with_it(cluster, place) -> None:
    environ = environ_of(cluster) | place.settings
    FileObjectStore(cluster.folder / "objects").put("exports/0123", b"an object")
    served = Served()
    seal_all()
    point = back_up(environ, place)

    drilled = run(environ, "backup", "drill", "--from", place)
    assert drilled.returncode == 0, drilled.stderr
    drill = entries(environ, "backup.drilled")[-1]
    assert (drill["targets"], drill["after"]["passed"]) == ([point], True)
    assert drill["after"]["payloads_opened"] >= len(served.all)

    served.erase()
    copied = run(environ, "backup", "--to", place, "--region", "eu-fr-1", "--ledger-only")
    assert copied.returncode == 0, copied.stderr

    with empty_cell(cluster, place) as new:
        done = run(new, "restore", "--from", place, "--json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["point"], told["keys_from"], told["ledger_older"]) == (point, point, False)
        assert told["tombstones"] == erasure_ledger().end().lines
        assert told["entries"] > 0
        assert {"data-keys", "payload-rows", "request-subjects", "workspace-access"} <= told["verified"].keys()

        assert state(new, served.all) == ("", served.kept_hex)
        assert FileObjectStore(Path(new["BAILIWICK_OBJECTS"])).get("exports/0123") == b"an object"
        [entry] = entries(new, "cell.restored")
        assert entry["targets"] == [point]
        assert entry["after"]["ledger_head"] == erasure_ledger().end().head
        assert entry["after"]["verified"] == told["verified"]

        again = run(new, "restore", "--from", place)
        assert (again.returncode, "there is something in the cell's database" in again.stderr) == (1, True)

    assert [point] in [entry["targets"] for entry in entries(environ, "backup.made")]


def test_a_database_that_another_tool_put_back_serves_nothing_until_the_ledger_is_replayed(cluster, tmp_path) -> None:
    environ, served = environ_of(cluster), Served()
    programs = Programs(pg.find_binaries().folder)
    dumps = [tmp_path / "database", tmp_path / "keys"]
    for database, dump in zip(databases(environ), dumps, strict=True):
        with dump.open("wb") as file:
            programs.dump(database, file)
    served.erase()

    with empty_cell(cluster) as new:
        for database, dump in zip(databases(new), dumps, strict=True):
            with dump.open("rb") as file:
                programs.restore(file, database)
        ledger = Path(new["BAILIWICK_HOME"]) / "erasures" / "ledger.jsonl"
        ledger.parent.mkdir()
        assert run(new, "migrate").returncode == 0
        if (lines := erasure_ledger().path.read_bytes().splitlines(keepends=True))[:-3]:
            ledger.write_bytes(b"".join(lines[:-3]))
            assert starts(new) == ""  # it knows all that was announced before it was dumped
        ledger.write_bytes(b"".join(lines))
        said, found = state(new, served.all)
        assert "has 3 that this database was never told" in said
        assert found == served.hex  # what must not be served is there

        replayed = run(new, "backup", "replay")
        assert replayed.returncode == 0, replayed.stderr
        assert state(new, served.all) == ("", served.kept_hex)
        assert entries(new, "ledger.replayed")[-1]["after"]["subjects"] >= 1

        ledger.write_bytes(b"".join(lines[:-1]))
        assert "not the newest ledger" in starts(new)
        older = run(new, "backup", "replay")
        assert (older.returncode, "older than this database" in older.stderr) == (1, True)
        owner, _ = databases(new)
        ledger.write_bytes(b"".join(lines))
        with psycopg.connect(owner.conninfo) as connection:
            connection.execute("update retention_replay set restoring = gen_random_uuid()")
        assert "A restore of this cell was not finished" in starts(new)


def test_what_was_altered_is_not_put_back(cluster, folder, tmp_path) -> None:
    environ, place = environ_of(cluster), folder
    first = back_up(environ, place)
    ask_and_erase()
    second = back_up(environ, place)
    store = place.store

    def alter(name: str, content: bytes | None = None) -> None:
        raw = bytearray(store.get(f"points/{second}/{name}"))
        raw[len(raw) // 2] ^= 1
        store.put(f"points/{second}/{name}", content or bytes(raw))

    def undo(name: str) -> None:
        store.delete_version(f"points/{second}/{name}", store.versions(f"points/{second}/{name}")[-1].id)

    with empty_cell(cluster) as new:
        alter("database")
        done = run(new, "restore", "--from", place)
        assert (done.returncode, "of the sealed file database was altered" in done.stderr) == (1, True)
        drilled = run(environ, "backup", "drill", "--from", place)
        assert (drilled.returncode, "of the sealed file database was altered" in drilled.stderr) == (1, True)
        assert entries(environ, "backup.drilled")[-1]["after"]["passed"] is False
        # The newest keys are taken, whichever backup is chosen.
        alter("keys", store.get(f"points/{first}/keys"))
        done = run(new, "restore", "--from", place, "--point", first)
        assert (done.returncode, "keys belongs to another place" in done.stderr) == (1, True)
        undo("keys")
        alter("ledger")
        done = run(new, "restore", "--from", place, "--point", first)
        assert (done.returncode, "what was erased since would come back" in done.stderr) == (1, True)
        forked = Ledger(tmp_path / "forked.jsonl")
        forked.append(erasure="ers", workspace="ws", request="req", fenced_at="2026-11-20T00:00:00Z")
        done = run(new, "restore", "--from", place, "--point", first, "--ledger", forked.path)
        assert (done.returncode, "there are two ledgers of erasures" in done.stderr) == (1, True)

    alter("manifest")
    done = run(environ, "backup", "list", "--from", place)
    assert (done.returncode, f"backup {second}" in done.stderr) == (1, True)


def ask_and_erase() -> None:
    organization = make_organization()
    request = serve(organization.workspace)
    assert work(organization.workspace, ask(organization, request)).state == "primary-erased"


@pytest.mark.parametrize(
    ("region", "told"),
    [
        ("us-va-1", "in the legal area us, and this cell's data stays in eu"),
        ("eu-es-1", "eu-es-1 is not this cell's peer: backups may lie in eu-de-1 or eu-fr-1"),
        ("eu-xx-1", "no region eu-xx-1"),
    ],
)
def test_a_backup_stays_in_the_legal_area(cluster, place, region, told) -> None:
    here = load(environ_of(cluster) | place.settings)
    with pytest.raises(PlaceRefused, match=told):
        open_place(str(place), region=region, config=here, make=True)
    assert place.store.region() is None
    assert list(place.store.keys("")) == []


def test_a_place_keeps_the_region_that_was_stated_first(cluster, place) -> None:
    here = load(environ_of(cluster) | place.settings)
    assert open_place(str(place), region="eu-fr-1", config=here, make=True).region == "eu-fr-1"
    with pytest.raises(PlaceRefused, match="was said to be in eu-fr-1 before"):
        open_place(str(place), region="eu-de-1", config=here, make=True)


def test_a_place_is_not_the_cells_own_folder(cluster) -> None:
    here = load(environ_of(cluster))
    with pytest.raises(PlaceRefused, match="the cell's own folder"):
        open_place(str(here.home / "backups"), region="eu-de-1", config=here, make=True)


def test_the_command_says_what_is_refused(cluster, tmp_path) -> None:
    done = run(environ_of(cluster), "backup", "--to", tmp_path / "place", "--region", "us-va-1")
    assert (done.returncode, "this cell's data stays in eu" in done.stderr) == (1, True), done.stderr


def test_a_backup_that_is_killed_is_none(cluster, place) -> None:
    environ = environ_of(cluster) | place.settings
    began = time.monotonic()
    whole_one = back_up(environ, place)
    takes = time.monotonic() - began
    for part in (0.6, 0.85):
        process = subprocess.Popen(
            command("backup", "--to", place, "--region", "eu-fr-1"),
            env=whole(environ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(takes * part)
        process.send_signal(signal.SIGKILL)
        process.wait()

    listed = run(environ, "backup", "list", "--from", place).stdout.splitlines()
    points = place.points
    assert {line.split()[0] for line in listed[1:-1]} == {
        point for point in points if place.store.versions(place.key(point, "manifest"))
    }
    assert whole_one in listed[1]
    with psycopg.connect(databases(environ)[0].conninfo) as connection:
        known = {point.hex for (point,) in connection.execute("select id from retention_backup")}
    assert points <= known  # also what was cut off: it may hold keys


def test_an_embedded_cell_is_put_back_into_a_new_home(cluster, place) -> None:
    environ = environ_of(cluster) | place.settings
    ask_and_erase()
    point = back_up(environ, place)
    home = cluster.folder / point[-8:]  # where PostgreSQL's account may walk
    arguments = ("restore", "--home", home, "--from", place, "--root-key", cluster.folder / "root.key")

    done = run(place.settings, *arguments, "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["point"] == point
    assert (home / "erasures" / "ledger.jsonl").read_bytes() == erasure_ledger().path.read_bytes()
    again = run(place.settings, *arguments)
    assert (again.returncode, "is not empty" in again.stderr) == (1, True)


def test_a_drill_that_is_killed_takes_its_server_along_and_the_next_one_sweeps(cluster, folder) -> None:
    environ = environ_of(cluster)
    back_up(environ, folder)
    sockets = "bw-drill-*/pg/run/.s.PGSQL.5432"
    before = set(Path(tempfile.gettempdir()).glob(sockets))
    process = subprocess.Popen(command("backup", "drill", "--from", folder), env=whole(environ))
    deadline = time.monotonic() + 60
    while not (began := set(Path(tempfile.gettempdir()).glob(sockets)) - before):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    [scratch] = [socket.parents[2] for socket in began]
    server = int((scratch / "pg" / "data" / "postmaster.pid").read_text().split()[0])
    process.send_signal(signal.SIGKILL)
    process.wait()
    while Path(f"/proc/{server}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert scratch.exists()

    assert run(environ, "backup", "drill", "--from", folder).returncode == 0

    assert not scratch.exists()


@pytest.mark.chaos
def test_an_older_ledger_is_accepted_on_the_record(cluster, folder) -> None:
    environ, place = environ_of(cluster), folder
    first = back_up(environ, place)
    ask_and_erase()
    second, store = back_up(environ, place), place.store
    store.delete_all_versions(f"points/{second}/ledger")
    with empty_cell(cluster) as new:
        refused = run(new, "restore", "--from", place, "--point", first)
        assert (refused.returncode, "what was erased since would come back" in refused.stderr) == (1, True)
        done = run(new, "restore", "--from", place, "--point", first, "--accept-older-ledger", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["ledger_older"] is True
        assert json.loads(done.stdout)["keys_from"] == second
        assert entries(new, "cell.restored")[-1]["after"]["ledger_older"] is True


@pytest.mark.chaos
def test_a_restore_that_is_killed_starts_nothing(cluster, folder) -> None:
    environ, place = environ_of(cluster), folder
    back_up(environ, place)
    with empty_cell(cluster) as new:
        process = subprocess.Popen(
            command("restore", "--from", place, "--ledger", erasure_ledger().path),
            env=whole(new),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with process:
            assert process.stdout is not None
            while not process.stdout.readline().startswith(b"replaying"):
                assert process.poll() is None
            process.send_signal(signal.SIGKILL)
        assert "A restore of this cell was not finished" in starts(new)
        again = run(new, "restore", "--from", place)
        assert (again.returncode, "there is something in" in again.stderr) == (1, True)
        replay = run(new, "backup", "replay")
        assert (replay.returncode, "was not finished" in replay.stderr) == (1, True)


def test_copies_of_the_key_store_go_with_the_horizon(cluster, place) -> None:
    environ = environ_of(cluster) | place.settings
    point = back_up(environ, place)
    assert "removed 0 copies" in run(environ, "backup", "prune", "--from", place).stdout
    soon = {**environ, "BAILIWICK_KEY_HORIZON_DAYS": "1"}
    owner = databases(environ)[0]
    old = _made_older(place, owner, point, days=1)

    assert "removed 1 copies of the key store and 0 backups" in run(soon, "backup", "prune", "--from", place).stdout
    assert place.store.versions(place.key(old, "keys")) == []
    with psycopg.connect(owner.conninfo) as connection:
        row = connection.execute("select keys_removed_at is null from retention_backup where id = %s", [old]).fetchone()
    assert row == (False,)
    assert entries(environ, "backup.removed")[-1]["after"]["keys_removed"] == 1


def _made_older(place: Kept, owner, point: str, days: float) -> str:
    """As if the backup had been made days ago: moved to the id that it would have had then."""
    number = UUID(hex=point)
    older = UUID(int=number.int - (int(days * 86_400_000) << 80))
    for key in list(place.store.keys(place.key(point))):
        place.store.put(key.replace(point, older.hex), place.store.get(key))
        place.store.delete_all_versions(key)
    with psycopg.connect(owner.conninfo) as connection:
        connection.execute(
            "update retention_backup set id = %s, begun_at = begun_at - make_interval(secs => %s) where id = %s",
            [older, days * 86_400, number],
        )
    return older.hex
