"""Rotation of the keys that wrap others, as an operator orders it. No payload is touched; what is done stands in the log."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from audit import log
from audit.actions import Action
from cell.access import Actor
from cell.aws_areas import legal_area
from cell.config import config
from cell.key_config import RootRef
from cell.keys import cell_keys, cell_roots
from cell.keys.seed import reseal_seed
from cell.keystore.rotation import Rotated, rewrap_workspace_keys, rotate_workspace_key
from cell.regions import Directory
from retention.key_entries import record_key_operations


class KeyAbroad(Exception):
    """The key is in another legal area than the cell: what is under it would be, too."""


@dataclass(frozen=True, slots=True)
class RootRotated:
    root: str
    """Id of the root that wraps everything now."""
    rewrapped: int
    """Workspace keys that another root, or an older version of this one, wrapped before."""
    seed_resealed: bool


def root_rotate(*, actor: Actor, everything: bool = False) -> RootRotated:
    """Wraps the seed and each workspace key under the root of today. Afterwards no key needs the previous ones.

    With `everything`, also what it wraps already: for a root that was rotated where it lives. May be cut off anywhere and done
    again. Raises cell.keys.RootKeyError, RootUnavailable or UnwrapError.
    """
    keys = config().keys
    resealed = keys.seed_file is not None and reseal_seed(keys.seed_file, cell_roots(keys))
    rewrapped = rewrap_workspace_keys(cell_keys(), everything=everything)
    done = RootRotated(cell_keys().root.id.hex(), rewrapped, resealed)
    with transaction.atomic():
        log.record(
            actor=actor,
            action=Action.ROOT_KEY_ROTATED,
            after={"root": done.root, "rewrapped": done.rewrapped, "seed_resealed": done.seed_resealed},
        )
    record_key_operations()
    return done


def workspace_key_rotate(*, workspace: UUID, own: RootRef | None) -> Rotated:
    """A new workspace key under the cell's root, or under the customer's `own` key.

    Raises KeyAbroad, cell.keystore.custody.KeyDestroyed, cell.keystore.rotation.RotatedMeanwhile, cell.keys.RootKeyError,
    RootUnavailable or UnwrapError; then nothing has changed.
    """
    if own is not None and own.aws_region is not None:
        here = Directory.load(config().cells_file, config().cells_vkey).region(config().region)
        if here is None or legal_area(own.aws_region) != here.legal_area:
            raise KeyAbroad(f"The key is in AWS's {own.aws_region}, which is not in this cell's legal area.")
    rotated = rotate_workspace_key(cell_keys(), workspace, own)
    record_key_operations()
    return rotated
