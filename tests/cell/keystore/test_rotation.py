from __future__ import annotations

import asyncio
import secrets
import threading
import time
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import psycopg
import pytest
from django.db import connections

from cell.config import config
from cell.ids import uuid7
from cell.key_config import RootRef
from cell.keys import RootedKeys, RootUnavailable, UnwrapError, cell_keys
from cell.keys.roots import open_root
from cell.keystore import custody, rotation
from cell.keystore.asking import AWAY_S
from cell.keystore.custody import KeyDestroyed
from cell.keystore.models import EpochKey, WorkspaceKey
from cell.keystore.ring import EPOCH_TTL_S, KeyRevoked, KeyRing, KeyStoreUnavailable
from cell.keystore.rotation import RotatedMeanwhile, rewrap_workspace_keys, roots_in_use, rotate_workspace_key
from tests.cell.keystore.test_keys import make_keys

pytestmark = pytest.mark.usefixtures("committed")

TODAY = date(2026, 1, 20)


def row_of(workspace: UUID) -> WorkspaceKey:
    return WorkspaceKey.objects.get(workspace_id=workspace)


def ring_of(keys, **more) -> KeyRing:
    return KeyRing(config().keystore_database.conninfo, keys, **more)


def test_a_rotated_workspace_key_opens_all_that_was_sealed_before():
    workspace, requests = uuid7(), [uuid7() for _ in range(3)]
    keys = [make_keys(workspace, request, day=TODAY - timedelta(days=n))[0] for n, request in enumerate(requests)]
    before, epochs = bytes(row_of(workspace).wrapped), set(EpochKey.objects.values_list("wrapped", flat=True))

    rotated = rotate_workspace_key(cell_keys(), workspace, None)

    assert (rotated.version, rotated.epochs) == (2, 3)
    assert bytes(row_of(workspace).wrapped) != before
    now = EpochKey.objects.filter(workspace_id=workspace)
    assert {epoch.parent_version for epoch in now} == {2}
    assert not {bytes(epoch.wrapped) for epoch in now} & {bytes(old) for old in epochs if old}
    assert [custody.open_data_key(workspace, request) for request in requests] == keys
    assert len(make_keys(workspace, uuid7(), day=TODAY)[0]) == 32


def test_the_material_of_the_old_key_opens_nothing_any_more():
    workspace, request = uuid7(), uuid7()
    make_keys(workspace, request)
    old = bytes(row_of(workspace).wrapped)
    rotate_workspace_key(cell_keys(), workspace, None)
    WorkspaceKey.objects.filter(workspace_id=workspace).update(wrapped=old)  # as somebody who kept it could
    with pytest.raises(UnwrapError):
        custody.open_data_key(workspace, request)


def test_what_has_no_key_cannot_be_rotated():
    with pytest.raises(KeyDestroyed):
        rotate_workspace_key(cell_keys(), uuid7(), None)
    workspace = uuid7()
    make_keys(workspace, uuid7())
    custody.destroy_workspace_key(workspace)
    with pytest.raises(KeyDestroyed):
        rotate_workspace_key(cell_keys(), workspace, None)


def test_of_two_who_rotate_at_once_one_is_told(monkeypatch):
    workspace, request = uuid7(), uuid7()
    (key,) = make_keys(workspace, request)
    wrap = rotation.hierarchy.wrap_workspace_key

    def overtaken(*values):
        monkeypatch.setattr(rotation.hierarchy, "wrap_workspace_key", wrap)
        rotate_workspace_key(cell_keys(), workspace, None)
        return wrap(*values)

    monkeypatch.setattr(rotation.hierarchy, "wrap_workspace_key", overtaken)
    with pytest.raises(RotatedMeanwhile):
        rotate_workspace_key(cell_keys(), workspace, None)
    assert row_of(workspace).version == 2
    assert custody.open_data_key(workspace, request) == key


def test_a_rotation_that_dies_in_the_middle_has_changed_nothing(monkeypatch):
    workspace, request = uuid7(), uuid7()
    (key,) = make_keys(workspace, request)

    def dies(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("django.db.models.query.QuerySet.bulk_update", dies)
    with pytest.raises(KeyboardInterrupt):
        rotate_workspace_key(cell_keys(), workspace, None)
    assert row_of(workspace).version == 1
    assert custody.open_data_key(workspace, request) == key


def test_keys_that_are_made_and_read_while_others_rotate_all_open():
    workspace, stop, made, failed = uuid7(), threading.Event(), {}, []
    make_keys(workspace, uuid7())

    def rotate() -> None:
        try:
            while not stop.is_set():
                rotate_workspace_key(cell_keys(), workspace, None)
                stop.wait(0.005)
        except Exception as error:  # noqa: BLE001  # told below, in the test's own thread
            failed.append(error)
        finally:
            connections.close_all()

    async def story() -> None:
        rotator = asyncio.create_task(asyncio.to_thread(rotate))
        try:
            for number in range(40):  # a new ring and a new day each time: nothing is cached
                day = TODAY + timedelta(days=number)
                ring = ring_of(cell_keys(), today=lambda day=day: day)
                for request in (uuid7(), uuid7()):
                    made[request] = await ring.data_key(workspace, request)
                await ring.close()
        finally:
            stop.set()
            await rotator

    asyncio.run(story())
    assert not failed
    assert row_of(workspace).version > 3
    assert all(custody.open_data_key(workspace, request) == key for request, key in made.items())


def test_a_new_root_takes_over_and_the_old_one_is_not_needed_any_more(tmp_path):
    workspace, request = uuid7(), uuid7()
    (key,) = make_keys(workspace, request)
    old = cell_keys()
    new = open_root(_file_root(tmp_path), config().keys)
    both = RootedKeys(new, old._seed, previous=[old.root])
    row = row_of(workspace)
    try:
        assert rewrap_workspace_keys(both) >= 1
        assert rewrap_workspace_keys(both) == 0
        assert set(roots_in_use()) == {new.id.hex()}
        alone = RootedKeys(new, old._seed)
        assert _opened(alone, workspace, request) == key
        with pytest.raises(UnwrapError):
            custody.open_data_key(workspace, request)  # this process knows the old root only
        again = bytes(row_of(workspace).wrapped)
        assert rewrap_workspace_keys(both, everything=True) >= 1
        assert bytes(row_of(workspace).wrapped) != again
    finally:
        # The key store is the other tests', too.
        assert rewrap_workspace_keys(RootedKeys(old.root, old._seed, previous=[new])) >= 1
    assert row_of(workspace).version == row.version
    assert custody.open_data_key(workspace, request) == key


def _opened(keys: RootedKeys, workspace: UUID, request: UUID) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(custody, "cell_keys", lambda: keys)
        return custody.open_data_key(workspace, request)


def _file_root(folder) -> RootRef:
    path = folder / f"{secrets.token_hex(4)}.key"
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(32))
    return RootRef("file", str(path))


@pytest.fixture
def own(vault):
    """A key of the customer's own, in a Vault that the cell can reach, and the cell's keys that know of it."""
    name = f"customer-{secrets.token_hex(4)}"
    vault.make_key(name)
    keys = replace(config().keys, vault=vault.server)
    cell = cell_keys()
    return name, RootedKeys(cell.root, cell._seed, own=lambda ref: open_root(ref, keys))


def test_a_customers_own_key_takes_over_and_gives_back(own, monkeypatch):
    name, keys = own
    monkeypatch.setattr(custody, "cell_keys", lambda: keys)
    workspace, request = uuid7(), uuid7()
    (key,) = make_keys(workspace, request)

    rotate_workspace_key(keys, workspace, RootRef("vault", f"transit/{name}"))

    assert row_of(workspace).own_root == f"vault:transit/{name}"
    assert roots_in_use()[f"vault:transit/{name}"] == 1
    assert custody.open_data_key(workspace, request) == key
    assert rewrap_workspace_keys(keys) == 0  # left to the customer
    rotate_workspace_key(keys, workspace, None)
    assert row_of(workspace).own_root is None
    assert custody.open_data_key(workspace, request) == key


def test_a_customer_who_takes_the_key_away_closes_the_workspace_within_a_minute(own, vault, monkeypatch):
    name, keys = own
    monkeypatch.setattr(custody, "cell_keys", lambda: keys)
    workspace, request, now = uuid7(), uuid7(), [0.0]
    make_keys(workspace, request)
    rotate_workspace_key(keys, workspace, RootRef("vault", f"transit/{name}"))

    async def story() -> None:
        ring = ring_of(keys, clock=lambda: now[0])
        await ring.data_key(workspace, uuid7())
        await asyncio.to_thread(vault.delete, name)
        await ring.data_key(workspace, uuid7())  # until the minute is over
        now[0] = EPOCH_TTL_S
        with pytest.raises(KeyRevoked, match="Vault refuses the key"):
            await ring.data_key(workspace, uuid7())
        await ring.close()

    asyncio.run(story())
    with pytest.raises(RootUnavailable):
        custody.open_data_key(workspace, request)  # whoever reads is refused at once


def test_while_the_root_is_away_nothing_is_sealed_and_then_it_goes_on(own, vault):
    name, keys = own
    workspace, now = uuid7(), [0.0]
    make_keys(workspace, uuid7())
    rotate_workspace_key(keys, workspace, RootRef("vault", f"transit/{name}"))

    async def story() -> None:
        ring = ring_of(keys, clock=lambda: now[0])
        await asyncio.to_thread(vault.seal, True)
        try:
            with pytest.raises(KeyStoreUnavailable, match="Vault does not work now") as away:
                await ring.data_key(workspace, uuid7())
            assert not isinstance(away.value, KeyRevoked)
        finally:
            await asyncio.to_thread(vault.seal, False)
        with pytest.raises(KeyStoreUnavailable, match="a moment ago"):
            await ring.data_key(workspace, uuid7())
        assert len(await ring.data_key(uuid7(), uuid7())) == 32  # the cell's own root is another
        now[0] = AWAY_S
        assert len(await ring.data_key(workspace, uuid7())) == 32
        await ring.close()

    asyncio.run(story())


def test_a_key_that_does_not_open_again_is_not_used(own, vault):
    name, keys = own
    workspace, request = uuid7(), uuid7()
    (key,) = make_keys(workspace, request)
    vault.configure(name, min_decryption_version=9)
    with pytest.raises(RootUnavailable):
        rotate_workspace_key(keys, workspace, RootRef("vault", f"transit/{name}"))
    assert row_of(workspace).version == 1
    assert custody.open_data_key(workspace, request) == key


def test_every_operation_is_written_down_in_its_own_transaction():
    workspace, day = uuid7(), TODAY
    make_keys(workspace, uuid7(), day=day)
    rotate_workspace_key(cell_keys(), workspace, None)
    custody.destroy_epochs(workspace, day + timedelta(days=1))
    custody.destroy_workspace_key(workspace)
    with psycopg.connect(config().keystore_database.conninfo) as store:
        found = store.execute(
            "select name, version, day, root, id from keystore_operation where workspace_id = %s order by done_at",
            [workspace],
        ).fetchall()
        store.execute("update keystore_workspace_key set created_at = created_at where workspace_id = %s", [workspace])
        store.rollback()
    root = cell_keys().root.id.hex()
    assert [row[:4] for row in found] == [
        ("workspace-key.created", 1, None, root),
        ("epoch-key.created", 1, day, root),
        ("workspace-key.rotated", 2, None, root),
        ("epoch-key.destroyed", 2, day, root),
        ("workspace-key.destroyed", 2, None, None),
    ]
    assert all(row[4].version == 7 for row in found)


def test_a_root_that_hangs_costs_its_callers_seconds_once():
    workspaces, asked, keys = [uuid7() for _ in range(30)], [], cell_keys()
    for workspace in workspaces:
        make_keys(workspace, uuid7())

    class Hangs:
        wrap = keys.wrap

        def unwrap(self, wrapped, context, own=None):
            asked.append(context)
            time.sleep(0.5)
            raise RootUnavailable("nobody answers")

    async def story() -> None:
        ring = ring_of(Hangs())
        began = time.monotonic()
        waiting = (ring.data_key(workspace, uuid7()) for workspace in workspaces)
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {KeyStoreUnavailable}
        assert time.monotonic() - began < 2
        await ring.close()

    asyncio.run(story())
    assert len(asked) <= 4


def test_a_key_that_does_not_open_is_refused_and_not_replaced():
    workspace, request = uuid7(), uuid7()
    make_keys(workspace, request)
    row = row_of(workspace)
    damaged = bytes(row.wrapped)[:-1] + bytes([bytes(row.wrapped)[-1] ^ 1])
    WorkspaceKey.objects.filter(pk=row.pk).update(wrapped=damaged)
    with pytest.raises(KeyRevoked):
        make_keys(workspace, uuid7())
    assert bytes(row_of(workspace).wrapped) == damaged
