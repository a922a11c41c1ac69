"""Removing what is over its time: copies of the key store above all, whose horizon every certificate names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit import log
from audit.actions import Action
from cell.access import system_actor
from cell.config import config
from cell.databases import OWNER
from retention.backups import catalogue
from retention.backups.errors import PlaceFailed
from retention.backups.manifest import FILES, KEYS
from retention.backups.places import MANIFEST, Place

EARLY: Final = timedelta(hours=1)
"""Before its horizon a copy of the key store goes, so that a prune every hour keeps the certificates' word."""
ABANDONED: Final = timedelta(days=1)
"""After which a backup that was begun and has no manifest is nobody's any more."""


@dataclass(frozen=True, slots=True)
class Pruned:
    keys: int
    """Backups whose copy of the key store went."""
    points: int
    """Backups that went altogether, and what others had left behind."""


def backup_prune(place: Place, *, older_than_days: int | None = None, now: datetime | None = None) -> Pruned:
    """Removes copies of the key store that are as old as the horizon, what was begun and never finished, and backups older than
    `older_than_days`, if that is said. Each file is looked for once more before the catalogue and the log say that it is gone.

    Raises PlaceFailed if one is still there.
    """
    at = now or timezone.now()
    horizon = timedelta(days=config().keys.horizon_days)
    aged = _aged(place, at - horizon + EARLY)
    for point in aged:
        _remove(place, point, KEYS)
    gone = set(_abandoned(place, at - ABANDONED))
    if older_than_days is not None:
        cutoff = at - timedelta(days=older_than_days)
        gone |= {*catalogue.listed(place, cutoff), *(point for point in place.points() if _begun(point) < cutoff)}
    for point in gone:
        # The manifest first: from then on it is no backup, wherever this is cut off.
        for name in (MANIFEST, *sorted({*FILES, *place.files(point)} - {MANIFEST})):
            _remove(place, point, name)
    if aged or gone:
        with transaction.atomic(using=OWNER):
            catalogue.keys_removed({*aged, *gone})
            catalogue.removed(gone)
            log.record(
                actor=system_actor("command"),
                action=Action.BACKUP_REMOVED,
                targets=sorted(point.hex for point in {*aged, *gone}),
                after={"keys_removed": len(aged), "removed": len(gone), "horizon_days": horizon.days},
                using=OWNER,
            )
    return Pruned(len(aged), len(gone))


def _aged(place: Place, before: datetime) -> list[UUID]:
    """Points with a copy of the key store from before then: by the catalogue, and by what lies there."""
    lying = [point for point in place.points() if _begun(point) < before and place.remains(point, KEYS)]
    return sorted({*catalogue.keys_listed(place, before), *lying})


def _abandoned(place: Place, before: datetime) -> list[UUID]:
    lying = [point for point in place.points() if _begun(point) < before]
    return [point for point in {*catalogue.unfinished(place, before), *lying} if not place.has(point, MANIFEST)]


def _begun(point: UUID) -> datetime:
    """A point's id is a UUIDv7: its first 48 bits are Unix milliseconds."""
    return datetime.fromtimestamp((point.int >> 80) / 1000, tz=timezone.get_current_timezone())


def _remove(place: Place, point: UUID, name: str) -> None:
    place.remove(point, name)
    if place.remains(point, name):
        raise PlaceFailed(f"{place.name}: a file of backup {point.hex} was removed and is still there; prune again.")
