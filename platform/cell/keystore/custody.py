"""Opening and destroying keys, for jobs and for who reads a payload. Nothing is cached: a destroyed key is gone at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Min

from cell.databases import KEYSTORE
from cell.ids import uuid7
from cell.key_config import RootRef
from cell.keys import cell_keys
from cell.keystore import hierarchy
from cell.keystore.models import DataKey, EpochKey, Identity, WorkspaceKey


class KeyDestroyed(Exception):
    """There is no such key any more, or there never was; what was sealed under it cannot be read."""


_CHAIN = """
select data.wrapped, epoch.wrapped, epoch.day, parent.wrapped, parent.own_root
from keystore_data_key data
join keystore_epoch_key epoch on epoch.id = data.epoch_id
join keystore_workspace_key parent
  on parent.workspace_id = data.workspace_id and parent.version = epoch.parent_version
where data.id = %s and data.workspace_id = %s
  and data.wrapped is not null and epoch.wrapped is not null and parent.wrapped is not null
"""


def open_data_key(workspace: UUID, request: UUID) -> bytes:
    """The 32-byte data key of `request`. Raises KeyDestroyed, cell.keys.RootUnavailable if the root cannot be asked, or
    cell.keys.UnwrapError if a row was tampered with.
    """
    with connections[KEYSTORE].cursor() as cursor:
        # In one statement: a rotation between two would leave a key and another version of what wraps it.
        cursor.execute(_CHAIN, [request, workspace])
        row = cursor.fetchone()
    if row is None:
        raise KeyDestroyed
    wrapped, epoch, day, parent, own = row
    ref = None if own is None else RootRef.parse(own)
    workspace_key = hierarchy.unwrap_workspace_key(cell_keys(), bytes(parent), workspace, ref)
    epoch_key = hierarchy.unwrap_epoch_key(workspace_key, bytes(epoch), workspace, day)
    return hierarchy.unwrap_data_key(epoch_key, bytes(wrapped), workspace, request)


def material_of(workspace: UUID, requests: Sequence[UUID]) -> int:
    """How many data keys of `requests` there are to destroy."""
    return DataKey.objects.filter(pk__in=requests, workspace_id=workspace, wrapped__isnull=False).count()


def material_in(workspace: UUID) -> int:
    """How many data keys of `workspace` there are to destroy."""
    return DataKey.objects.filter(workspace_id=workspace, wrapped__isnull=False).count()


def own_root_of(workspace: UUID) -> RootRef | None:
    """The customer's own key that wraps the workspace's; None where the cell's root does, or nothing was sealed yet."""
    own = WorkspaceKey.objects.filter(workspace_id=workspace, wrapped__isnull=False).values_list("own_root", flat=True)
    found = own.first()
    return None if found is None else RootRef.parse(found)


def erase_data_keys(workspace: UUID, requests: Sequence[UUID]) -> None:
    """Destroys the data keys of `requests` and leaves their rows as tombstones, so that no late writer makes them again.

    Works for requests that never had a key, and any number of times.
    """
    with connections[KEYSTORE].cursor() as cursor:
        cursor.execute(
            "insert into keystore_data_key as old (id, workspace_id, created_at, destroyed_at)"
            " select request, %s, clock_timestamp(), clock_timestamp() from unnest(%s::uuid[]) request order by request"
            " on conflict (id) do update set wrapped = null, epoch_id = null,"
            " destroyed_at = coalesce(old.destroyed_at, clock_timestamp()) where old.workspace_id = excluded.workspace_id",
            [workspace, list(requests)],
        )


def expire_data_keys(workspace: UUID, requests: Sequence[UUID]) -> int:
    """Destroys the data keys of `requests`, whose time is over. Returns how many had material until now."""
    with connections[KEYSTORE].cursor() as cursor:
        cursor.execute(
            "update keystore_data_key set wrapped = null, destroyed_at = clock_timestamp()"
            " where workspace_id = %s and id = any(%s) and wrapped is not null",
            [workspace, list(requests)],
        )
        return int(cursor.rowcount)


def destroy_epochs(workspace: UUID, before: date) -> int:
    """Destroys the epoch keys of all days before `before`, then the rows of their data keys. Returns the number of epochs."""
    with transaction.atomic(using=KEYSTORE), connections[KEYSTORE].cursor() as cursor:
        cursor.execute(
            "update keystore_epoch_key set wrapped = null, destroyed_at = clock_timestamp()"
            " where workspace_id = %s and day < %s and wrapped is not null returning id",
            [workspace, before],
        )
        epochs = [epoch for (epoch,) in cursor.fetchall()]
        cursor.execute("delete from keystore_data_key where epoch_id = any(%s)", [epochs])
    return len(epochs)


def destroy_workspace_key(workspace: UUID) -> int:
    """Destroys everything that opens payloads of `workspace`: its key, all epoch keys and all data keys. Any number of times.

    Returns how many keys had material until now. Nothing can be sealed for the workspace afterwards; tombstones stay.
    """
    with transaction.atomic(using=KEYSTORE), connections[KEYSTORE].cursor() as cursor:
        # A workspace that never had a key does not get one either.
        cursor.execute(
            "insert into keystore_workspace_key as old (id, workspace_id, created_at, destroyed_at)"
            " values (%s, %s, clock_timestamp(), clock_timestamp()) on conflict (workspace_id) do nothing",
            [uuid7(), workspace],
        )
        cursor.execute("select 1 from keystore_workspace_key where workspace_id = %s for update", [workspace])
        destroyed = 0
        for table in ("keystore_epoch_key", "keystore_workspace_key"):
            cursor.execute(
                f"update {table} set wrapped = null, destroyed_at = clock_timestamp()"
                " where workspace_id = %s and wrapped is not null",
                [workspace],
            )
            destroyed += cursor.rowcount
        cursor.execute("delete from keystore_data_key where workspace_id = %s and wrapped is not null", [workspace])
        return destroyed + int(cursor.rowcount)


def epochs_before(day: date) -> list[tuple[UUID, date]]:
    """Each workspace that still has an epoch key of a day before `day`, with the oldest such day."""
    found = EpochKey.objects.filter(wrapped__isnull=False, day__lt=day).values_list("workspace_id")
    return list(found.annotate(oldest=Min("day")).order_by("oldest"))


def region() -> str | None:
    """The region this key store belongs to, if it was ever claimed."""
    return Identity.objects.values_list("region", flat=True).first()


def seed_id() -> str | None:
    """Which seed the cell of this key store derives from, if it was ever claimed."""
    return Identity.objects.values_list("seed_id", flat=True).first()


def claim(region: str, seed: str) -> None:
    """Marks an unclaimed key store as that of `region` and of the seed with the id `seed`; a claimed one is left as it is."""
    with connections[KEYSTORE].cursor() as cursor:
        cursor.execute(
            "insert into keystore_identity as old (singleton, region, seed_id) values (true, %s, %s)"
            " on conflict (singleton) do update set seed_id = coalesce(old.seed_id, excluded.seed_id)",
            [region, seed],
        )
