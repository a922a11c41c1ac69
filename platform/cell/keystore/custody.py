"""Opening and destroying keys, for jobs and for who reads a payload. Nothing is cached: a destroyed key is gone at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Min

from cell.databases import KEYSTORE
from cell.keys import cell_keys
from cell.keystore import hierarchy
from cell.keystore.models import DataKey, EpochKey, Identity, WorkspaceKey


class KeyDestroyed(Exception):
    """There is no such key any more, or there never was; what was sealed under it cannot be read."""


def open_data_key(workspace: UUID, request: UUID) -> bytes:
    """The 32-byte data key of `request`. Raises KeyDestroyed, or cell.keys.UnwrapError if a row was tampered with."""
    row = (
        DataKey.objects.filter(pk=request, workspace_id=workspace, wrapped__isnull=False, epoch__wrapped__isnull=False)
        .select_related("epoch")
        .first()
    )
    parent = WorkspaceKey.objects.filter(workspace_id=workspace, wrapped__isnull=False).first()
    if row is None or row.epoch is None or parent is None:
        raise KeyDestroyed
    workspace_key = hierarchy.unwrap_workspace_key(cell_keys(), bytes(parent.wrapped or b""), workspace)
    epoch_key = hierarchy.unwrap_epoch_key(workspace_key, bytes(row.epoch.wrapped or b""), workspace, row.epoch.day)
    return hierarchy.unwrap_data_key(epoch_key, bytes(row.wrapped or b""), workspace, request)


def erase_data_key(workspace: UUID, request: UUID) -> None:
    """Destroys the data key of `request` and leaves its row as a tombstone, so that no late writer makes it again.

    Works for a request that never had a key, and any number of times.
    """
    with connections[KEYSTORE].cursor() as cursor:
        cursor.execute(
            "insert into keystore_data_key as old (id, workspace_id, created_at, destroyed_at)"
            " values (%s, %s, clock_timestamp(), clock_timestamp())"
            " on conflict (id) do update set wrapped = null, epoch_id = null,"
            " destroyed_at = coalesce(old.destroyed_at, clock_timestamp()) where old.workspace_id = excluded.workspace_id",
            [request, workspace],
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


def epochs_before(day: date) -> list[tuple[UUID, date]]:
    """Each workspace that still has an epoch key of a day before `day`, with the oldest such day."""
    found = EpochKey.objects.filter(wrapped__isnull=False, day__lt=day).values_list("workspace_id")
    return list(found.annotate(oldest=Min("day")).order_by("oldest"))


def region() -> str | None:
    """The region this key store belongs to, if it was ever claimed."""
    return Identity.objects.values_list("region", flat=True).first()


def claim(region: str) -> None:
    """Marks an unclaimed key store as that of `region`; a claimed one is left as it is."""
    with connections[KEYSTORE].cursor() as cursor:
        cursor.execute(
            "insert into keystore_identity (singleton, region) values (true, %s) on conflict do nothing", [region]
        )
