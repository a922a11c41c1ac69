from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connections

from cell.config import config
from cell.ids import uuid7
from cell.keys import UnwrapError, cell_keys
from cell.keystore import custody, hierarchy, maker
from cell.keystore.asking import KeyRevoked
from cell.keystore.custody import KeyDestroyed
from cell.keystore.maker import data_key
from cell.keystore.models import NamedKey
from cell.keystore.named import destroy_named_key, named_key
from cell.keystore.ring import KeyRefused
from cell.keystore.rotation import rotate_workspace_key

pytestmark = pytest.mark.usefixtures("committed")

PURPOSE = "names"


def test_a_data_key_is_durable_and_opens_again_also_after_a_rotation() -> None:
    workspace, organization, number = uuid7(), uuid7(), uuid7()

    key = data_key(workspace, number, organization=organization)

    assert custody.open_data_key(workspace, number) == key
    rotate_workspace_key(cell_keys(), workspace, None)
    assert custody.open_data_key(workspace, number) == key
    assert data_key(workspace, uuid7(), organization=organization) != key
    assert maker.living_data_keys([number, uuid7()]) == {number}


def test_a_data_key_is_there_once_and_an_erased_one_never_again() -> None:
    workspace, organization, number, erased = uuid7(), uuid7(), uuid7(), uuid7()
    data_key(workspace, number, organization=organization)
    custody.erase_data_keys(workspace, [erased])

    for refused in (number, erased):
        with pytest.raises(KeyRefused):
            data_key(workspace, refused, organization=organization)
    custody.erase_data_keys(workspace, [number])
    assert maker.living_data_keys([number]) == set()


def test_nothing_is_made_under_a_key_that_was_taken_away() -> None:
    workspace, organization, number = uuid7(), uuid7(), uuid7()
    data_key(workspace, number, organization=organization)

    custody.destroy_workspace_key(workspace)

    with pytest.raises((KeyRefused, KeyRevoked)):  # whether or not this process still has the epoch key
        data_key(workspace, uuid7(), organization=organization)
    with pytest.raises(KeyRevoked):
        data_key(workspace, uuid7(), organization=organization)
    with pytest.raises(KeyDestroyed):
        custody.open_data_key(workspace, number)


def test_a_destroyed_epoch_is_not_made_again() -> None:
    workspace, organization = uuid7(), uuid7()
    data_key(workspace, uuid7(), organization=organization)
    custody.destroy_epochs(workspace, datetime.now(UTC).date().replace(year=2999))
    maker.forget()

    with pytest.raises(KeyRevoked):
        data_key(workspace, uuid7(), organization=organization)


def test_everybody_has_the_same_named_key_and_each_owner_and_purpose_another() -> None:
    owner = uuid7()

    with ThreadPoolExecutor(8) as threads:
        keys = {named.key for named in threads.map(lambda _: named_key(owner, PURPOSE), range(16))}

    assert len(keys) == 1
    others = {named_key(uuid7(), PURPOSE).key, named_key(owner, "other").key}
    assert len(others | keys) == 3
    assert all(len(key) == 32 for key in keys)


def test_a_destroyed_named_key_is_followed_by_another_one() -> None:
    owner = uuid7()
    before = named_key(owner, PURPOSE)

    assert destroy_named_key(owner, PURPOSE)
    assert not destroy_named_key(owner, PURPOSE)
    row = NamedKey.objects.get(owner_id=owner)
    assert (row.sealed, row.destroyed_at is None) == (None, False)

    after = named_key(owner, PURPOSE)
    assert (before.number, after.number) == (1, 2)
    assert before.key != after.key


def test_a_named_key_opens_for_its_owner_and_purpose_only() -> None:
    owner, other = uuid7(), uuid7()
    sealed = hierarchy.seal_named_key(cell_keys(), bytes(32), owner, PURPOSE)

    for wrong in ((other, PURPOSE), (owner, "name")):
        with pytest.raises(UnwrapError):
            hierarchy.open_named_key(cell_keys(), sealed, *wrong)
    named_key(owner, PURPOSE)
    named_key(other, PURPOSE)
    NamedKey.objects.filter(owner_id=owner).update(sealed=NamedKey.objects.get(owner_id=other).sealed)
    with pytest.raises(UnwrapError):
        named_key(owner, PURPOSE)


def test_it_is_not_stored_as_it_is() -> None:
    owner = uuid7()
    key = named_key(owner, PURPOSE).key

    assert key not in bytes(NamedKey.objects.get(owner_id=owner).sealed or b"")


def test_a_lost_connection_is_made_again() -> None:
    owner = uuid7()
    key = named_key(owner, PURPOSE)

    _end_sessions()

    assert named_key(owner, PURPOSE) == key


def test_a_forked_process_takes_a_connection_of_its_own() -> None:
    owner = uuid7()
    key = named_key(owner, PURPOSE)
    reader, writer = os.pipe()

    child = os.fork()
    if child == 0:
        os.write(writer, named_key(owner, PURPOSE).key)
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reader, 64) == key.key
    assert named_key(owner, PURPOSE) == key
    os.close(reader)
    os.close(writer)


def _end_sessions() -> None:
    """As a restart of the server does to this process's connection."""
    with psycopg.connect(config().keystore_database.conninfo, autocommit=True) as other:
        other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where usename = current_user and datname = current_database() and pid <> pg_backend_pid()"
        )
    connections["keystore"].close()
