from __future__ import annotations

import asyncio
from datetime import date, timedelta
from uuid import UUID

import psycopg
import pytest

from cell.config import config
from cell.ids import uuid7
from cell.keys import UnwrapError, cell_keys
from cell.keystore import custody
from cell.keystore.custody import KeyDestroyed
from cell.keystore.models import DataKey, EpochKey, WorkspaceKey
from cell.keystore.ring import EPOCH_TTL_S, KeyRefused, KeyRevoked, KeyRing, KeyStoreUnavailable
from cell.keystore.witness import trace_of, workspace_trace_of

pytestmark = pytest.mark.usefixtures("committed")

STORE = "keystore"


def make_keys(workspace: UUID, *requests: UUID, day: date | None = None) -> list[bytes]:
    """As the gateway makes them: each request's new data key."""

    async def made() -> list[bytes]:
        days = {} if day is None else {"today": lambda: day}
        ring = KeyRing(config().keystore_database.conninfo, cell_keys(), **days)
        try:
            return await asyncio.gather(*(ring.data_key(workspace, request) for request in requests))
        finally:
            await ring.close()

    return asyncio.run(made())


def trace(workspace: UUID, request: UUID):
    return trace_of(config().keystore_auditor_database, workspace, request)


def test_a_key_is_durable_when_it_is_given_and_opens_again():
    workspace, requests = uuid7(), [uuid7() for _ in range(300)]
    keys = make_keys(workspace, *requests)
    assert len(set(keys)) == 300
    assert custody.open_data_key(workspace, requests[0]) == keys[0]
    assert custody.open_data_key(workspace, requests[299]) == keys[299]
    assert EpochKey.objects.filter(workspace_id=workspace).count() == 1


def test_a_key_of_one_workspace_does_not_open_for_another():
    workspace, other, request = uuid7(), uuid7(), uuid7()
    make_keys(workspace, request)
    make_keys(other, uuid7())
    with pytest.raises(KeyDestroyed):
        custody.open_data_key(other, request)
    DataKey.objects.filter(pk=request).update(
        workspace_id=other, epoch=EpochKey.objects.get(workspace_id=other)
    )  # as somebody with the database alone could
    with pytest.raises(UnwrapError):
        custody.open_data_key(other, request)


def test_an_erased_key_is_gone_and_is_never_made_again():
    workspace, request, other = uuid7(), uuid7(), uuid7()
    make_keys(workspace, request, other)
    assert trace(workspace, request).with_material == 1
    for _ in range(2):
        custody.erase_data_keys(workspace, [request])
        assert (trace(workspace, request).with_material, trace(workspace, request).tombstones) == (0, 1)
    with pytest.raises(KeyDestroyed):
        custody.open_data_key(workspace, request)
    with pytest.raises(KeyRefused):
        make_keys(workspace, request)
    assert custody.open_data_key(workspace, other)


def test_erasing_before_the_key_is_made_refuses_it_too():
    workspace, request = uuid7(), uuid7()
    custody.erase_data_keys(workspace, [request])
    with pytest.raises(KeyRefused):
        make_keys(workspace, request)


def test_erasing_in_one_workspace_does_not_touch_another():
    workspace, request = uuid7(), uuid7()
    make_keys(workspace, request)
    custody.erase_data_keys(uuid7(), [request])
    assert custody.open_data_key(workspace, request)


def test_a_destroyed_epoch_takes_its_data_keys_and_leaves_tombstones():
    workspace, erased, kept_until, today = uuid7(), uuid7(), uuid7(), date(2026, 1, 20)
    make_keys(workspace, erased, kept_until, day=today - timedelta(days=1))
    newer = uuid7()
    (newer_key,) = make_keys(workspace, newer, day=today)
    custody.erase_data_keys(workspace, [erased])
    assert custody.destroy_epochs(workspace, today) == 1
    assert custody.destroy_epochs(workspace, today) == 0
    with pytest.raises(KeyDestroyed):
        custody.open_data_key(workspace, kept_until)
    assert trace(workspace, kept_until).with_material == 0
    assert trace(workspace, erased).tombstones == 1
    assert custody.open_data_key(workspace, newer) == newer_key
    with pytest.raises(KeyRefused):
        make_keys(workspace, uuid7(), day=today - timedelta(days=1))


def test_an_unwrapped_epoch_key_is_used_for_a_minute_and_not_longer():
    workspace, now = uuid7(), [0.0]

    async def story() -> None:
        ring = KeyRing(config().keystore_database.conninfo, cell_keys(), clock=lambda: now[0])
        await ring.data_key(workspace, uuid7())
        EpochKey.objects.filter(workspace_id=workspace).update(wrapped=None, destroyed_at="2026-01-01T00:00:00Z")
        with pytest.raises(KeyRefused):  # the cached epoch key cannot store anything either
            await ring.data_key(workspace, uuid7())
        now[0] = EPOCH_TTL_S
        with pytest.raises(KeyRefused):
            await ring.data_key(workspace, uuid7())
        await ring.close()

    asyncio.run(_in_this_thread(story))


async def _in_this_thread(story) -> None:
    import os

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    try:
        await story()
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def test_a_store_that_is_away_is_said_to_be():
    async def story() -> None:
        ring = KeyRing("host=/nonexistent dbname=x user=x", cell_keys())
        with pytest.raises(KeyStoreUnavailable):
            await ring.data_key(uuid7(), uuid7())

    asyncio.run(story())


def test_a_lost_connection_is_made_again():
    workspace = uuid7()

    async def story() -> None:
        ring = KeyRing(config().keystore_database.conninfo, cell_keys())
        await ring.data_key(workspace, uuid7())
        with psycopg.connect(config().keystore_database.conninfo, autocommit=True) as other:
            other.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where usename = current_user and pid <> pg_backend_pid()"
            )
        with pytest.raises(KeyStoreUnavailable):
            await ring.data_key(workspace, uuid7())
        assert len(await ring.data_key(workspace, uuid7())) == 32
        await ring.close()

    asyncio.run(story())


def test_a_destroyed_workspace_key_takes_everything_and_nothing_is_sealed_again():
    workspace, requests, erased, other = uuid7(), [uuid7(), uuid7()], uuid7(), uuid7()
    make_keys(workspace, *requests, erased)
    make_keys(other, requests_of_other := uuid7())
    custody.erase_data_keys(workspace, [erased])
    assert custody.destroy_workspace_key(workspace) == 1 + 1 + 2
    assert custody.destroy_workspace_key(workspace) == 0
    left = workspace_trace_of(config().keystore_auditor_database, workspace)
    assert (left.with_material, left.role) == (0, "bailiwick_auditor")
    assert left.tombstones == 1 + 1 + 1  # of the workspace key, the epoch key, and the request that was erased
    for request in requests:
        assert trace(workspace, request).with_material == 0
        with pytest.raises(KeyDestroyed):
            custody.open_data_key(workspace, request)
    assert trace(workspace, erased).tombstones == 1
    with pytest.raises(KeyRevoked):
        make_keys(workspace, uuid7())
    assert custody.open_data_key(other, requests_of_other)


def test_a_workspace_whose_key_was_destroyed_before_it_had_one_never_gets_one():
    workspace = uuid7()
    assert custody.destroy_workspace_key(workspace) == 0
    with pytest.raises(KeyRevoked):
        make_keys(workspace, uuid7())


def test_a_cached_epoch_key_seals_nothing_once_the_workspace_key_is_destroyed():
    workspace = uuid7()

    async def story() -> None:
        ring = KeyRing(config().keystore_database.conninfo, cell_keys())
        await ring.data_key(workspace, uuid7())
        await asyncio.to_thread(_destroy, workspace)
        with pytest.raises(KeyRefused):  # the store refuses what the cache would have allowed
            await ring.data_key(workspace, uuid7())
        with pytest.raises(KeyRevoked):  # and from then on the cache is not asked
            await ring.data_key(workspace, uuid7())
        await ring.close()

    asyncio.run(story())


def _destroy(workspace: UUID) -> None:
    """As another process would, on a connection of its own."""
    with psycopg.connect(config().keystore_database.conninfo) as other:
        for table in ("keystore_epoch_key", "keystore_workspace_key"):
            other.execute(
                f"update {table} set wrapped = null, destroyed_at = clock_timestamp() where workspace_id = %s",
                [workspace],
            )


def test_all_who_ask_at_once_ask_the_root_once():
    workspace, counted = uuid7(), Counted(cell_keys())

    async def story() -> None:
        ring = KeyRing(config().keystore_database.conninfo, counted)
        keys = await asyncio.gather(*(ring.data_key(workspace, uuid7()) for _ in range(200)))
        assert len(set(keys)) == 200
        await ring.close()

    asyncio.run(story())
    assert (counted.wrapped, counted.unwrapped) == (1, 1)


def test_who_hangs_up_does_not_take_the_key_from_the_others():
    workspace, counted = uuid7(), Counted(cell_keys())

    async def story() -> None:
        ring = KeyRing(config().keystore_database.conninfo, counted)
        first = asyncio.create_task(ring.data_key(workspace, uuid7()))
        second = asyncio.create_task(ring.data_key(workspace, uuid7()))
        await asyncio.sleep(0)
        first.cancel()
        assert len(await second) == 32
        await ring.close()

    asyncio.run(story())


class Counted:
    """The cell's keys, with a count of what the root was asked."""

    def __init__(self, keys) -> None:
        self._keys, self.wrapped, self.unwrapped = keys, 0, 0

    def wrap(self, *values):
        self.wrapped += 1
        return self._keys.wrap(*values)

    def unwrap(self, *values):
        self.unwrapped += 1
        return self._keys.unwrap(*values)


def test_an_epoch_key_leaves_the_memory_when_its_minute_is_over(monkeypatch):
    monkeypatch.setattr("cell.keystore.ring.EPOCH_TTL_S", 0.1)

    async def story() -> None:
        ring = KeyRing(config().keystore_database.conninfo, cell_keys())
        await ring.data_key(uuid7(), uuid7())
        assert len(ring._epochs) == 1
        await asyncio.sleep(0.3)
        assert ring._epochs == {}
        await ring.close()

    asyncio.run(story())


def test_who_wraps_a_workspace_key_stands_in_its_row():
    workspace, organization = uuid7(), uuid7()

    async def story() -> None:
        ring = KeyRing(config().keystore_database.conninfo, cell_keys())
        await ring.data_key(workspace, uuid7(), organization=organization)
        await ring.close()

    asyncio.run(story())
    row = WorkspaceKey.objects.get(workspace_id=workspace)
    assert (row.version, row.organization_id, row.own_root) == (1, organization, None)
    assert bytes(row.wrapped)[:9] == b"\x02" + cell_keys().root.id


def test_no_key_is_in_the_store_as_it_is():
    workspace, request = uuid7(), uuid7()
    (key,) = make_keys(workspace, request)
    row = DataKey.objects.select_related("epoch").get(pk=request)
    assert key not in bytes(row.wrapped)
    assert len(bytes(row.epoch.wrapped)) == len(bytes(row.wrapped)) == 12 + 32 + 16


@pytest.mark.parametrize(
    "attempt",
    [
        "select wrapped from keystore_data_key",
        "select count(*) from keystore_epoch_key",
        "select wrapped from keystore_workspace_key",
        "delete from keystore_material",
        "update keystore_data_key set wrapped = null",
        "select * from keystore_operation",
        "create table of_mine (id int)",
    ],
)
def test_the_auditor_sees_no_key_and_changes_nothing(attempt):
    with psycopg.connect(config().keystore_auditor_database.conninfo, autocommit=True) as auditor:
        assert auditor.execute("select count(*) from keystore_material").fetchone() is not None
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)):
            auditor.execute(attempt)
