"""New keys in the place of old ones, without touching a payload: only what wraps the keys below is made anew.

Each function may be cut off anywhere and done again; whoever seals or reads meanwhile waits for milliseconds, or asks again.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from cell.databases import KEYSTORE
from cell.key_config import RootRef
from cell.keys import RootedKeys, root_id
from cell.keystore import hierarchy
from cell.keystore.custody import KeyDestroyed
from cell.keystore.models import EpochKey, WorkspaceKey


class RotatedMeanwhile(Exception):
    """Somebody else rotated or destroyed the key at the same time: look, and repeat if it is still wanted."""


@dataclass(frozen=True, slots=True)
class Rotated:
    version: int
    epochs: int
    """Epoch keys that are wrapped under the new version now."""


def rotate_workspace_key(keys: RootedKeys, workspace: UUID, own: RootRef | None) -> Rotated:
    """A new workspace key, under the cell's root or the customer's `own` key; the material of the old one is gone afterwards.

    Raises KeyDestroyed if the workspace has no key, RotatedMeanwhile, RootUnavailable or UnwrapError; then nothing has changed.
    """
    row = WorkspaceKey.objects.filter(workspace_id=workspace, wrapped__isnull=False).first()
    if row is None:
        raise KeyDestroyed
    # The root is asked before anything is locked: it may be slow, or away.
    before = hierarchy.unwrap_workspace_key(keys, bytes(row.wrapped or b""), workspace, _ref(row))
    fresh = hierarchy.new_key()
    wrapped = hierarchy.wrap_workspace_key(keys, fresh, workspace, own)
    after = hierarchy.unwrap_workspace_key(
        keys, wrapped, workspace, own
    )  # what cannot be opened again must not be used
    with transaction.atomic(using=KEYSTORE):
        locked = _locked(row)
        epochs = list(
            EpochKey.objects.select_for_update().filter(workspace_id=workspace, wrapped__isnull=False).order_by("pk")
        )
        for epoch in epochs:
            epoch.wrapped = hierarchy.rewrap_epoch_key(before, after, bytes(epoch.wrapped or b""), workspace, epoch.day)
            epoch.parent_version = locked.version + 1
        EpochKey.objects.bulk_update(epochs, ["wrapped", "parent_version"], batch_size=200)
        WorkspaceKey.objects.filter(pk=row.pk).update(
            wrapped=wrapped, version=locked.version + 1, own_root=None if own is None else str(own)
        )
    return Rotated(locked.version + 1, len(epochs))


def rewrap_workspace_keys(keys: RootedKeys, *, everything: bool = False) -> int:
    """Wraps each workspace key that is under an older root under that of today; with `everything`, all of them, for roots that
    have versions of their own. Keys under a customer's own are left to it. Returns how many.

    Raises RootUnavailable or UnwrapError; what is done by then stays done.
    """
    rewrapped = 0
    for row in WorkspaceKey.objects.filter(wrapped__isnull=False, own_root__isnull=True).order_by("pk").iterator():
        old = bytes(row.wrapped or b"")
        if keys.is_current(old) and not everything:
            continue
        wrapped = hierarchy.rewrap_workspace_key(keys, old, row.workspace_id)
        rewrapped += WorkspaceKey.objects.filter(pk=row.pk, version=row.version, wrapped=old).update(wrapped=wrapped)
    return rewrapped


def roots_in_use() -> dict[str, int]:
    """How many workspace keys each root wraps: by the root's id, `seed` for keys of a cell's first days, or the own key's name."""
    found: dict[str, int] = {}
    for wrapped, own in (
        WorkspaceKey.objects.filter(wrapped__isnull=False).values_list("wrapped", "own_root").iterator()
    ):
        name = own or root_id(bytes(wrapped or b"")) or "seed"
        found[name] = found.get(name, 0) + 1
    return found


def _locked(row: WorkspaceKey) -> WorkspaceKey:
    """The row, which nobody else changes until the transaction ends. Raises RotatedMeanwhile."""
    locked = WorkspaceKey.objects.select_for_update().get(pk=row.pk)
    if locked.version != row.version or locked.wrapped is None:
        raise RotatedMeanwhile("the workspace's key was rotated or destroyed meanwhile")
    return locked


def _ref(row: WorkspaceKey) -> RootRef | None:
    return None if row.own_root is None else RootRef.parse(row.own_root)
