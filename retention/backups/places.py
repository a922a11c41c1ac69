"""Where backups lie: an object store of their own, in a folder or a bucket, in a region that may hold them.

Keys: ``points/<point>/<file>``, behind the prefix of a bucket's address, the manifest last. A point without its manifest is no
backup, but what a writer left.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID

from cell.config import CellConfig
from cell.keys import KeyProvider
from cell.object_config import SCHEME, S3Bucket, S3Server, parse_address
from cell.objects import (
    FileObjectStore,
    ObjectLocked,
    ObjectNotFound,
    ObjectStore,
    ObjectStoreError,
    StoreAway,
    StoreRefused,
    open_store,
)
from cell.regions import Directory
from retention.backups.errors import ManifestBroken, PlaceFailed, PlaceRefused
from retention.backups.manifest import File, Manifest

MANIFEST: Final = "manifest"
_POINTS: Final = "points/"
_POINT = re.compile(r"[0-9a-f]{32}")
_CHUNK: Final = 1 << 20
_ADVICE: Final = {
    StoreAway: "see whether BAILIWICK_BACKUPS_ENDPOINT can be reached from here, and repeat",
    StoreRefused: "see whose BAILIWICK_BACKUPS_CREDENTIALS_FILE are, and what they may do with the bucket",
    ObjectLocked: "a lock that outlives the horizon of the keys must not be on a place of backups",
}


@dataclass(frozen=True, slots=True)
class Located:
    """What an address leads to, whoever may use it."""

    name: str
    """As the operator calls it."""
    store: ObjectStore
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A place that this cell may use. Made by `open_place`.

    Everything raises PlaceFailed if the store is away, refuses or is full.
    """

    name: str
    """As the operator calls it."""
    region: str
    store: ObjectStore
    prefix: str = ""
    """Of every key in it."""

    def put(self, point: UUID, file: str, content: bytes | BinaryIO, expected: File) -> None:
        """Has all of `content` there, which is as `expected` and was read back, when it returns. Raises PlaceFailed."""
        with told(self.name):
            version = self.store.put(self._key(point, file), content, sha256=expected.sha256)
            found = hashlib.sha256()
            size = 0
            with closing(self.store.open(self._key(point, file), version.id)) as written:
                while block := written.read(_CHUNK):
                    found.update(block)
                    size += len(block)
        if File(size, found.hexdigest()) != expected:
            raise PlaceFailed(f"{self.name}: the file {file} that was read back is not the one that was written.")

    def open(self, point: UUID, file: str) -> BinaryIO:
        """Raises ObjectNotFound."""
        with told(self.name):
            return self.store.open(self._key(point, file))

    def has(self, point: UUID, file: str) -> bool:
        """Whether it can be read."""
        with told(self.name):
            versions = self.store.versions(self._key(point, file))
        return bool(versions) and not versions[-1].is_marker

    def remains(self, point: UUID, file: str) -> bool:
        """Whether anything of it is there: a version, hidden or not, a marker, or an upload that was never finished."""
        key = self._key(point, file)
        with told(self.name):
            return bool(self.store.versions(key)) or any(upload.key == key for upload in self.store.uploads(key))

    def remove(self, point: UUID, file: str) -> None:
        """Removes every version, marker and unfinished upload for good."""
        with told(self.name):
            self.store.delete_all_versions(self._key(point, file))

    def files(self, point: UUID) -> list[str]:
        """What lies there of `point`, whole or not."""
        prefix = self._key(point, "")
        return sorted({key.removeprefix(prefix) for key in self._keys(prefix)})

    def points(self) -> list[UUID]:
        """Every point of which anything lies there, oldest first."""
        prefix = f"{self.prefix}{_POINTS}"
        named = {key.removeprefix(prefix).partition("/")[0] for key in self._keys(prefix)}
        return sorted(UUID(hex=name) for name in named if _POINT.fullmatch(name))

    def manifests(self, keys: KeyProvider, region: str, *, newest_first: bool = False) -> Iterator[Manifest]:
        """Of the backups that are whole, oldest first unless said otherwise. Raises ManifestBroken if one was altered."""
        for point in sorted(self.points(), reverse=newest_first):
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

    def _key(self, point: UUID, file: str) -> str:
        return f"{self.prefix}{_POINTS}{point.hex}/{file}"

    def _keys(self, prefix: str) -> set[str]:
        """Also of what was begun and never finished."""
        with told(self.name):
            return {*self.store.keys(prefix), *(upload.key for upload in self.store.uploads(prefix))}


def locate(name: str, server: S3Server | None) -> Located:
    """What the address `name` leads to: a folder, or ``s3://bucket/prefix`` on `server`. Nothing is asked of it yet.

    Raises PlaceRefused.
    """
    if not name.startswith(SCHEME):
        folder = Path(name).expanduser().absolute()
        return Located(str(folder), FileObjectStore(folder))
    try:
        bucket, prefix = parse_address(name)
    except ValueError as error:
        raise PlaceRefused(f"A place of backups {error}.") from None
    if server is None:
        raise PlaceRefused(f"BAILIWICK_BACKUPS_REGION is not set: it says where the bucket {bucket} is.")
    with told(name):
        return Located(f"{SCHEME}{bucket}/{prefix}".removesuffix("/"), open_store(server.bucket(bucket)), prefix)


def open_place(name: str, *, region: str | None, config: CellConfig, make: bool = False) -> Place:
    """The place that `name` says if backups of this cell may lie there; an empty one is claimed if `make`.

    `region` is where it is, as the operator states it; without one, what the place was claimed for. A bucket has to keep versions,
    and to be where its configuration says, in the cell's legal area. Raises PlaceRefused or PlaceFailed.
    """
    found = locate(name, config.backups)
    _check_apart(found, config)
    with told(found.name):
        claimed = found.store.region()
    if claimed is None and not make:
        raise PlaceRefused(f"There are no backups in {found.name}.")
    stated = region or claimed
    if stated is None:
        raise PlaceRefused("Say in which region this place is: --region.")
    if claimed not in (None, stated):
        raise PlaceRefused(f"{found.name} was said to be in {claimed} before; it cannot be in {stated} now.")
    area = check_area(stated, config)
    with told(found.name):
        if wrong := found.store.disagreements(area):
            raise PlaceRefused(f"{found.name} is no place for backups of this cell: {'; '.join(wrong)}.")
        if claimed is None:
            try:
                found.store.claim(stated)
            except OSError as error:
                raise PlaceRefused(f"{found.name} cannot be used: {error.strerror}.") from error
            if (first := found.store.region()) != stated:
                raise PlaceRefused(f"{found.name} was said to be in {first} at this moment, by somebody else.")
    return Place(found.name, stated, found.store, found.prefix)


def _check_apart(found: Located, config: CellConfig) -> None:
    """Raises PlaceRefused if it is where the cell's own data is."""
    own = config.objects
    if isinstance(found.store, FileObjectStore):
        folder = found.store.root
        inside = [own] if isinstance(own, Path) else []
        if any(folder == one or one in folder.parents for one in (config.home, *inside)):
            raise PlaceRefused(f"{folder} is the cell's own folder: a backup in it would be lost with the cell.")
    elif isinstance(own, S3Bucket):
        bucket, _ = parse_address(found.name)
        there = config.backups
        if there is not None and (own.name, own.endpoint, own.region) == (bucket, there.endpoint, there.region):
            raise PlaceRefused(f"{found.name} is the cell's own bucket: a backup in it would be lost with the cell.")


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


@contextmanager
def told(name: str) -> Iterator[None]:
    """Says of what fails in it which place it was, and what to do. What is not there is for the caller to judge."""
    try:
        yield
    except ObjectNotFound:
        raise
    except ObjectStoreError as error:
        advice = next((text for kind, text in _ADVICE.items() if isinstance(error, kind)), None)
        raise PlaceFailed(f"{name}: {error}{'' if advice is None else f': {advice}'}.") from error
