"""Group commit against a PostgreSQL of its own, which these tests kill, stop and stall."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from audit.entry import Kind
from audit.groupcommit import AuditUnavailable, EntryRejected, GroupCommit, Insert, Item
from bailiwick.embedded import postgres as pg
from bailiwick.embedded.cluster import Cluster
from cell.config import load
from cell.ids import uuid7

pytestmark = pytest.mark.anyio

_NOTES = Insert("note", {"id": "uuid", "figure": "integer", "counts": "jsonb"})


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="bw-gc-"))
    cluster = Cluster(folder)
    cluster.write_files()
    try:
        cluster.start()
        with psycopg.connect(cluster.url("bailiwick_owner")) as owner:
            owner.execute("create table note (id uuid primary key, figure integer check (figure >= 0), counts jsonb)")
            owner.execute("grant insert on note to bailiwick_web")
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder)


def _commits(cluster: Cluster, *, limit: int = 4096) -> GroupCommit:
    return GroupCommit(load(cluster.environ()).database.conninfo, limit=limit, extra=[_NOTES])


def _item(kind: Kind = Kind.INTENT, *, body: bytes = b"{}", figure: int | None = None, tree: str | None = None) -> Item:
    number, workspace = uuid7(), uuid7()
    rows = ((),) if figure is None else (((number, figure, '{"EMAIL":1}'),),)
    return Item(number, tree or f"ws_eude1_{workspace.hex}", uuid7(), workspace, kind, datetime.now(UTC), body, rows)


def _stored(cluster: Cluster, table: str = "audit_entry") -> set[UUID]:
    with psycopg.connect(cluster.url("bailiwick_owner")) as owner:
        return {number for (number,) in owner.execute(f"select id from {table}")}  # type: ignore[arg-type]  # ours


def _kill(cluster: Cluster) -> None:
    postmaster = cluster.processes[0]
    os.kill(postmaster.pid, signal.SIGKILL)
    postmaster.wait()


def _restart(cluster: Cluster) -> None:
    password = cluster.passwords[pg.SUPERUSER]
    cluster.processes[0] = pg.start(cluster.postgres, password, cluster.folder / "postgres.log")


async def test_what_was_awaited_is_committed_with_its_rows(own: Cluster) -> None:
    commits = _commits(own)
    await commits.start()
    items = [_item(Kind.OUTCOME, figure=number) if number % 2 else _item() for number in range(2000)]

    await asyncio.gather(*map(commits.submit, items))

    assert {item.id for item in items} <= _stored(own)
    assert {item.id for item in items if item.kind is Kind.OUTCOME} <= _stored(own, "note")
    assert commits.pending == 0
    await commits.stop()


async def test_the_same_entry_twice_is_one_entry(own: Cluster) -> None:
    commits = _commits(own)
    await commits.start()
    item = _item(figure=1)

    await asyncio.gather(commits.submit(item), commits.submit(item))
    await commits.submit(item)

    assert item.id in _stored(own)
    await commits.stop()


async def test_an_entry_that_postgresql_refuses_fails_alone(own: Cluster) -> None:
    commits = _commits(own)
    await commits.start()
    good = [_item(figure=1) for _ in range(200)]
    poison = [
        _item(figure=-1),  # a constraint
        _item(figure=2**40),  # out of the type's range
        _item(tree="nul \x00"),  # no such text in PostgreSQL
        _item(tree="ws_eude1_" + uuid7().hex),  # another workspace's tree
    ]
    order = [*good[:50], poison[0], *good[50:100], poison[1], poison[2], *good[100:], poison[3]]

    results = await asyncio.gather(*map(commits.submit, order), return_exceptions=True)

    failed = {item.id for item, result in zip(order, results, strict=True) if isinstance(result, EntryRejected)}
    assert failed == {item.id for item in poison}
    assert {item.id for item in good} <= _stored(own)
    assert not failed & _stored(own)
    assert commits.available
    await commits.stop()


async def test_a_full_queue_refuses_what_comes_and_keeps_what_it_has(own: Cluster) -> None:
    commits = _commits(own, limit=10)
    await commits.start()

    accepted = [_item() for _ in range(10)]
    waiting = [commits.submit(item) for item in accepted]
    with pytest.raises(AuditUnavailable):
        commits.submit(_item())
    outcome = _item(Kind.OUTCOME)
    waiting.append(commits.submit(outcome))  # its request was accepted: how it ended is never refused
    await asyncio.gather(*waiting)

    assert {item.id for item in [*accepted, outcome]} <= _stored(own)
    await commits.submit(_item())
    await commits.stop()


async def test_who_stops_waiting_does_not_stop_the_entry(own: Cluster) -> None:
    commits = _commits(own)
    await commits.start()
    item = _item()

    commits.submit(item).cancel()
    await commits.stop()

    assert item.id in _stored(own)


async def test_stopping_writes_what_is_queued_and_takes_no_more(own: Cluster) -> None:
    commits = _commits(own)
    await commits.start()
    items = [_item() for _ in range(3000)]
    waiting = [commits.submit(item) for item in items]

    await commits.stop()

    assert all(waiter.done() and waiter.exception() is None for waiter in waiting)
    assert {item.id for item in items} <= _stored(own)
    with pytest.raises(AuditUnavailable):
        commits.submit(_item())


async def test_a_killed_postgresql_loses_nothing_acknowledged_fails_closed_and_comes_back(own: Cluster) -> None:
    commits = _commits(own)
    await commits.start()
    acknowledged: set[UUID] = set()
    accepted: set[UUID] = set()
    refused = told_no = 0
    running = True

    async def client() -> None:
        nonlocal refused, told_no
        while running:
            intent = _item(figure=1)
            try:
                pending = commits.submit(intent)
            except AuditUnavailable:
                refused += 1
                await asyncio.sleep(0.005)
                continue
            accepted.add(intent.id)
            try:
                await pending
                acknowledged.add(intent.id)
            except AuditUnavailable:
                told_no += 1

    clients = [asyncio.create_task(client()) for _ in range(32)]
    for _ in range(2):
        await asyncio.sleep(0.4)
        before = len(acknowledged)
        await asyncio.to_thread(_kill, own)
        await asyncio.sleep(0.3)
        during = len(acknowledged)
        assert before > 0 and not commits.available
        await asyncio.sleep(0.1)
        assert len(acknowledged) == during  # nothing is acknowledged while there is no database
        await asyncio.to_thread(_restart, own)
    for _ in range(200):
        if commits.available and len(acknowledged) > during:
            break
        await asyncio.sleep(0.05)
    running = False
    await asyncio.gather(*clients)
    await commits.stop()

    assert refused > 0 and told_no > 0
    assert len(acknowledged) > during
    stored = _stored(own)
    assert acknowledged <= stored
    assert accepted <= stored  # also what callers were told no about: it was accepted, so it is not dropped
    assert accepted <= _stored(own, "note")


async def test_an_outcome_is_kept_while_the_database_is_away(own: Cluster) -> None:
    commits = _commits(own)
    await commits.start()
    await commits.submit(_item())
    await asyncio.to_thread(_kill, own)

    outcome = _item(Kind.OUTCOME, figure=7)
    with pytest.raises(AuditUnavailable):
        await commits.submit(outcome)
    with pytest.raises(AuditUnavailable):
        commits.submit(_item())
    await asyncio.to_thread(_restart, own)
    await commits.stop()

    assert outcome.id in _stored(own) & _stored(own, "note")


async def test_a_database_that_was_restarted_while_idle_is_not_noticed(own: Cluster) -> None:
    commits = _commits(own)
    await commits.start()
    await commits.submit(_item())
    await asyncio.to_thread(_kill, own)
    await asyncio.to_thread(_restart, own)

    item = _item()
    await commits.submit(item)

    assert item.id in _stored(own)
    await commits.stop()


async def test_a_database_that_stalls_fails_closed_in_time(own: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.groupcommit.STALL_S", 0.3)
    commits = _commits(own)
    await commits.start()
    with psycopg.connect(own.url("bailiwick_owner")) as blocker:
        blocker.execute("lock table audit_entry in access exclusive mode")
        stuck = _item()
        with pytest.raises(AuditUnavailable):
            await commits.submit(stuck)
        with pytest.raises(AuditUnavailable):
            commits.submit(_item())

    for _ in range(100):
        if commits.available:
            break
        await asyncio.sleep(0.02)
    await commits.submit(_item())
    assert stuck.id in _stored(own)
    await commits.stop()
