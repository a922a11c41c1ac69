"""The catalogue of backups: which there are, and from when the oldest copy of the key store is that may be restored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Min
from django.utils import timezone

from cell.databases import OWNER
from retention.backups.manifest import KEYS, Manifest
from retention.backups.places import Place
from retention.models import Backup


@dataclass(frozen=True, slots=True)
class KeyBackups:
    """What the catalogue says of copies of the key store."""

    listed: int
    """Backups that it has ever listed; with 0 it says nothing."""
    oldest: datetime | None
    """When the oldest copy was begun that was not removed; None if there is none."""


def key_backups() -> KeyBackups:
    """As any process may ask."""
    oldest = Backup.objects.filter(keys_removed_at__isnull=True).aggregate(oldest=Min("begun_at"))["oldest"]
    return KeyBackups(Backup.objects.count(), oldest)


def begin(point: UUID, begun: datetime, place: Place, *, keys: bool) -> None:
    """Lists a backup before a byte of it is written, so that no copy of a key is anywhere without being listed."""
    without = None if keys else begun
    Backup.objects.using(OWNER).create(
        id=point, begun_at=begun, region=place.region, place=place.name, keys_removed_at=without
    )


def complete(manifest: Manifest) -> None:
    Backup.objects.using(OWNER).filter(pk=manifest.point).update(
        completed_at=timezone.now(), ledger_lines=manifest.ledger.lines, ledger_head=manifest.ledger.head
    )


def adopt(manifests: Iterable[Manifest], place: Place) -> None:
    """Lists backups that are newer than this database: it was restored from an older one."""
    for manifest in manifests:
        gone = None if place.remains(manifest.point, KEYS) else timezone.now()
        Backup.objects.using(OWNER).get_or_create(
            id=manifest.point,
            defaults={
                "begun_at": manifest.begun,
                "completed_at": timezone.now(),
                "region": place.region,
                "place": place.name,
                "ledger_lines": manifest.ledger.lines,
                "ledger_head": manifest.ledger.head,
                "keys_removed_at": gone,
            },
        )


def keys_listed(place: Place, before: datetime) -> list[UUID]:
    """Backups in `place` that were begun before then and may have a copy of the key store."""
    return _in(place, keys_removed_at__isnull=True, begun_at__lt=before)


def unfinished(place: Place, before: datetime) -> list[UUID]:
    """Backups in `place` that were begun before then and have no manifest that was said to be written."""
    return _in(place, removed_at__isnull=True, completed_at__isnull=True, begun_at__lt=before)


def listed(place: Place, before: datetime) -> list[UUID]:
    """Backups in `place` that were begun before then and not removed."""
    return _in(place, removed_at__isnull=True, begun_at__lt=before)


def keys_removed(points: Iterable[UUID]) -> None:
    rows = Backup.objects.using(OWNER).filter(pk__in=list(points), keys_removed_at__isnull=True)
    rows.update(keys_removed_at=timezone.now())


def removed(points: Iterable[UUID]) -> None:
    Backup.objects.using(OWNER).filter(pk__in=list(points), removed_at__isnull=True).update(removed_at=timezone.now())


def _in(place: Place, **conditions: object) -> list[UUID]:
    rows = Backup.objects.using(OWNER).filter(place=place.name, **conditions).order_by("begun_at")
    return list(rows.values_list("id", flat=True))
