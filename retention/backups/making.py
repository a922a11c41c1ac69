"""Making a backup: dumps of both databases, the objects and the ledger, each sealed on its way; the manifest last."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import BinaryIO
from uuid import UUID

import psycopg
from django.db import transaction
from django.utils import timezone

from audit import log
from audit.actions import Action
from audit.entry import CELL_TREE
from cell.access import system_actor
from cell.config import CellConfig, config
from cell.database_url import DatabaseUrl
from cell.ids import uuid7
from cell.keys import cell_keys
from cell.objects import ObjectNotFound, ObjectStore
from retention.backups import catalogue, sealed
from retention.backups.admission import erasure_ledger
from retention.backups.dumps import Programs, server_version
from retention.backups.errors import NotOwner
from retention.backups.manifest import DATABASE, HOME, KEYS, LEDGER, OBJECTS, File, Manifest
from retention.backups.places import MANIFEST, Place, cell_objects, check_area
from retention.ledger import Ledger, Mark

_Write = Callable[[BinaryIO], None]


@dataclass(frozen=True, slots=True)
class Made:
    manifest: Manifest
    bytes: int


def backup_make(
    place: Place, programs: Programs, *, home: Mapping[str, bytes] | None = None, ledger_only: bool = False
) -> Made:
    """A backup of this cell in `place`; restorable when this returns, and not there at all if it is cut off before.

    `home` is what the cell's folder needs besides, by file name. With `ledger_only` it is of the ledger of erasures alone, which
    is small. Raises NotOwner, DumpFailed, PlaceRefused, PlaceFailed, LedgerBroken, cell.keys.RootUnavailable or OSError.
    """
    cell, owner = config(), owner_database()
    area = check_area(place.region, cell)
    point, begun = uuid7(), timezone.now()
    catalogue.begin(point, begun, place, keys=not ledger_only)
    checkpoint, log_size = _checkpoint(owner)
    part = _Parts(place, cell, point)
    # The ledger after the databases: what they know of it, it has. What an object is named by is in the database before.
    if not ledger_only:
        part.add(DATABASE, lambda target: programs.dump(owner, target))
        part.add(OBJECTS, lambda target: write_objects(cell_objects(cell), target))
        part.add(KEYS, lambda target: programs.dump(cell.keystore_database, target))
    ledger = _Copied(erasure_ledger())
    part.add(LEDGER, ledger.write)
    if home is not None and not ledger_only:
        part.add(HOME, lambda target: _write_home(home, target))
    manifest = Manifest(
        point=point,
        begun=begun,
        cell=cell.cell,
        region=cell.region,
        place=place.region,
        legal_area=area,
        software=f"bailiwick {version('bailiwick')}",
        postgres=server_version(owner),
        checkpoint=checkpoint,
        ledger=ledger.mark,
        files=part.files,
    )
    size = sum(file.bytes for file in part.files.values())
    with transaction.atomic():
        log.record(
            actor=system_actor("command"),
            action=Action.BACKUP_MADE,
            targets=[point.hex],
            after={
                "region": place.region,
                "files_sha256": manifest.sha256,
                "bytes": size,
                "files": sorted(part.files),
                "log_size": log_size,
                "ledger_lines": manifest.ledger.lines,
                "ledger_head": manifest.ledger.head,
            },
        )
    encoded = manifest.encode(cell_keys())
    place.put(point, MANIFEST, encoded, File(len(encoded), hashlib.sha256(encoded).hexdigest()))
    catalogue.complete(manifest)
    return Made(manifest, size)


def is_copied(place: Place) -> bool:
    """Whether the newest copy of the ledger in `place` has all of it."""
    newest = next(place.manifests(cell_keys(), config().region, newest_first=True), None)
    return newest is not None and newest.ledger.lines >= erasure_ledger().end().lines


def owner_database() -> DatabaseUrl:
    """Raises NotOwner."""
    owner = config().owner_database
    if owner is None:
        raise NotOwner(
            "BAILIWICK_OWNER_DATABASE_URL is not set: backups are read and put back by the databases' owner."
        )
    return owner


class _Parts:
    """The sealed files of one point, as they come to lie in its place."""

    def __init__(self, place: Place, cell: CellConfig, point: UUID) -> None:
        self.place, self.cell, self.point = place, cell, point
        self.files: dict[str, File] = {}

    def add(self, name: str, write: _Write) -> None:
        """Seals what `write` writes. On the disk, where it waits until all of it is there, it is sealed already."""
        with tempfile.TemporaryFile(dir=self.cell.home) as spool:
            writer = sealed.SealingWriter(
                spool,
                cell_keys(),
                sealed.Place(self.cell.cell, self.point.hex, name),
            )
            write(writer)  # type: ignore[arg-type]  # a raw binary file is one, too
            writer.finish()
            spool.seek(0)
            self.files[name] = File(writer.size, writer.sha256)
            self.place.put(self.point, name, spool, self.files[name])


class _Copied:
    """A copy of the ledger, every line of it checked, and the mark behind it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self.mark = ledger, Mark()

    def write(self, target: BinaryIO) -> None:
        for line, mark in self._ledger.after(Mark()):
            target.write(line.encode())
            self.mark = mark


def write_objects(store: ObjectStore, target: BinaryIO) -> None:
    """A tar of every object that is not hidden, in its newest version, by its key."""
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for key in store.keys(""):
            with suppress(ObjectNotFound):  # hidden, or erased meanwhile
                version = store.versions(key)[-1:]
                if version and not version[0].is_marker:
                    with store.open(key, version[0].id) as file:
                        entry = tarfile.TarInfo(key)
                        entry.size = version[0].size
                        archive.addfile(entry, file)


def _write_home(files: Mapping[str, bytes], target: BinaryIO) -> None:
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def _checkpoint(owner: DatabaseUrl) -> tuple[str | None, int]:
    """The newest checkpoint of the cell's own log, and how many entries it is over."""
    with psycopg.connect(owner.conninfo, connect_timeout=5) as connection:
        row = connection.execute(
            "select note, size from audit_checkpoint where tree = %s order by size desc limit 1", [CELL_TREE]
        ).fetchone()
    return (None, 0) if row is None else (row[0], row[1])
