"""Where backups lie: an object store of their own, in a region that may hold them.

Keys: ``points/<point>/<file>``, the manifest last. A point without its manifest is no backup, but what a writer left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID

from cell.config import CellConfig
from cell.keys import KeyProvider
from cell.objects import FileObjectStore, ObjectNotFound, ObjectStore, open_store
from cell.regions import Directory
from retention.backups.errors import ManifestBroken, PlaceRefused
from retention.backups.manifest import Manifest

MANIFEST: Final = "manifest"
_PREFIX: Final = "points"


@dataclass(frozen=True, slots=True)
class Place:
    """A place that this cell may use. Made by `open_place`."""

    name: str
    """As the operator calls it."""
    region: str
    store: ObjectStore

    def put(self, point: UUID, file: str, content: bytes | BinaryIO) -> None:
        self.store.put(_key(point, file), content)

    def open(self, point: UUID, file: str) -> BinaryIO:
        """Raises ObjectNotFound."""
        return self.store.open(_key(point, file))

    def has(self, point: UUID, file: str) -> bool:
        versions = self.store.versions(_key(point, file))
        return bool(versions) and not versions[-1].is_marker

    def remove(self, point: UUID, file: str) -> bool:
        """Removes every version for good. Returns whether there was any."""
        return self.store.delete_all_versions(_key(point, file)) > 0

    def files(self, point: UUID) -> list[str]:
        """What lies there of `point`, whole or not."""
        prefix = _key(point, "")
        return [key.removeprefix(prefix) for key in self.store.keys(prefix)]

    def points(self) -> list[UUID]:
        """Every point of which anything lies there, oldest first."""
        return sorted({UUID(hex=key.split("/")[1]) for key in self.store.keys(f"{_PREFIX}/")})

    def manifests(self, keys: KeyProvider, region: str) -> Iterator[Manifest]:
        """Of the backups that are whole, oldest first. Raises ManifestBroken if one was altered."""
        for point in self.points():
            try:
                with self.open(point, MANIFEST) as file:
                    manifest = Manifest.decode(file.read(), keys, region)
            except ObjectNotFound:
                continue
            except ManifestBroken as error:
                raise ManifestBroken(f"backup {point.hex}: {error}") from error
            if manifest.point != point:
                raise ManifestBroken("the manifest of one backup lies in the place of another's")
            yield manifest


def open_place(name: str, *, region: str | None, config: CellConfig, make: bool = False) -> Place:
    """The place that `name` says, a folder, if backups of this cell may lie there; an empty one is claimed if `make`.

    `region` is where it is, as the operator states it; without one, what the place was claimed for. Raises PlaceRefused.
    """
    if name.startswith("s3://"):
        raise PlaceRefused("Backups go to a folder in this release: mount what shall hold them, and name the folder.")
    folder = Path(name).expanduser().absolute()
    for own in (config.home, config.objects):
        if folder == own or own in folder.parents:
            raise PlaceRefused(f"{folder} is the cell's own folder: a backup in it would be lost with the cell.")
    store = FileObjectStore(folder)
    claimed = store.region()
    if claimed is None and not make:
        raise PlaceRefused(f"There are no backups in {folder}.")
    stated = region or claimed
    if stated is None:
        raise PlaceRefused("Say in which region this place is: --region.")
    if claimed not in (None, stated):
        raise PlaceRefused(f"{folder} was said to be in {claimed} before; it cannot be in {stated} now.")
    check_area(stated, config)
    if claimed is None:
        try:
            store.claim(stated)
        except OSError as error:
            raise PlaceRefused(f"{folder} cannot be used: {error.strerror}.") from error
    return Place(str(folder), stated, store)


def check_area(region: str, config: CellConfig) -> str:
    """The legal area of `region`, if backups of this cell may lie in it: its own region or its peer. Raises PlaceRefused."""
    directory = Directory.load(config.cells_file, config.cells_vkey)
    here, there = directory.region(config.region), directory.region(region)
    if here is None:
        raise PlaceRefused(f"The directory of regions has no region {config.region}.")
    allowed = [name for name in (here.id, here.dr_peer) if name is not None]
    if there is None:
        raise PlaceRefused(
            f"The directory of regions has no region {region}. Backups may lie in {' or '.join(allowed)}."
        )
    if there.legal_area != here.legal_area:
        raise PlaceRefused(
            f"{region} is in the legal area {there.legal_area}, and this cell's data stays in {here.legal_area}: "
            f"backups may lie in {' or '.join(allowed)}."
        )
    if there.id not in allowed:
        raise PlaceRefused(f"{region} is not this cell's peer: backups may lie in {' or '.join(allowed)}.")
    return there.legal_area


def cell_objects(config: CellConfig) -> ObjectStore:
    """The cell's own object store."""
    return open_store(config.objects)


def _key(point: UUID, file: str) -> str:
    return f"{_PREFIX}/{point.hex}/{file}"
