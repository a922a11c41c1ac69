"""An object store in a folder: one folder a key, one file a version, beside it what is known about it. For one machine.

    objects/12/12ab…/key             the key
                     VERSION.object  the bytes; VERSION.marker is a delete marker
                     VERSION.about   JSON: the SHA-256 of the bytes, and what keeps the version from being removed
                     NAME.upload     being written, or left by a writer that died
    region                           whose store this is

Locks and holds bind whoever comes through this class. They do not bind who owns the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from cell.durable import sync_folder
from cell.ids import uuid7
from cell.objects.about import About
from cell.objects.errors import ObjectExists, ObjectLocked, ObjectNotFound
from cell.objects.files import locked, write_durably
from cell.objects.interface import Upload, Version, checked_key
from cell.objects.reader import CheckedReader, buffered

_VERSION = re.compile(r"[0-9a-f]{32}")


class FileObjectStore:
    """See `cell.objects.interface.ObjectStore` for what each operation does."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._data = root / "objects"
        self._marker = root / "region"

    def put(
        self, key: str, content: bytes | BinaryIO, *, sha256: str | None = None, locked_until: datetime | None = None
    ) -> Version:
        return self._put(key, content, sha256=sha256, locked_until=locked_until)

    def put_new(self, key: str, content: bytes | BinaryIO) -> Version:
        if self._newest(key) is not None:
            raise ObjectExists("there is such an object already")
        return self._put(key, content, new=True)

    def get(self, key: str, version: str | None = None) -> bytes:
        with self.open(key, version) as file:
            return file.read()

    def open(self, key: str, version: str | None = None) -> BinaryIO:
        folder = self._folder(key)
        if version is None:
            newest = self._newest(key)
            if newest is None:
                raise ObjectNotFound("there is no such object")
            version = newest.id
        try:
            file = (folder / f"{_checked_version(version)}.object").open("rb", buffering=0)
        except FileNotFoundError:
            raise _no_version() from None
        size, about = os.fstat(file.fileno()).st_size, About.read(folder, version)
        return buffered(CheckedReader(lambda most: file.read(most) or b"", file.close, size=size, sha256=about.sha256))

    def keys(self, prefix: str = "") -> Iterator[str]:
        return (history[0].key for history in self.histories(prefix))

    def histories(self, prefix: str = "") -> Iterator[list[Version]]:
        found = {name.read_text(): name.parent for name in self._data.glob("??/*/key")}
        for key in sorted(key for key in found if key.startswith(prefix)):
            if versions := self.versions(key):
                yield versions

    def versions(self, key: str) -> list[Version]:
        folder = self._folder(key)
        files = [*folder.glob("*.object"), *folder.glob("*.marker")]
        return [version for path in sorted(files) if (version := _version(key, path)) is not None]

    def delete(self, key: str) -> Version:
        folder = self._made(key)
        with locked(folder):
            newest = self.versions(key)[-1:]
            if newest and newest[0].is_marker:
                return newest[0]
            path = folder / f"{self._next(key)}.marker"
            write_durably(path, b"")
            sync_folder(folder)
            return self._written(key, path)

    def delete_version(self, key: str, version: str) -> None:
        folder = self._folder(key)
        found = [
            path for kind in ("object", "marker") if (path := folder / f"{_checked_version(version)}.{kind}").exists()
        ]
        if not found:
            raise _no_version()
        with locked(folder):
            About.read(folder, version).check_removable()
            try:
                found[0].unlink()
            except FileNotFoundError:  # another eraser was quicker
                raise _no_version() from None
            (folder / f"{version}.about").unlink(missing_ok=True)
            sync_folder(folder)

    def delete_all_versions(self, key: str) -> int:
        kept: Exception | None = None
        removed = 0
        for version in self.versions(key):
            try:
                self.delete_version(key, version.id)
                removed += 1
            except ObjectNotFound:  # another eraser was quicker
                continue
            except ObjectLocked as error:
                kept = error
        for upload in self._leftovers(key, self._folder(key)):
            self.abort(upload)
        if kept is not None:
            raise kept
        return removed

    def lock(self, key: str, version: str, until: datetime) -> None:
        with self._about(key, version) as (folder, about):
            about.extended(until).write(folder, version)

    def hold(self, key: str, version: str, *, on: bool) -> None:
        with self._about(key, version) as (folder, about):
            about.holding(on=on).write(folder, version)

    def uploads(self, prefix: str = "") -> Iterator[Upload]:
        for folder in sorted(self._data.glob("??/*")):
            name = folder / "key"
            key = name.read_text() if name.exists() else ""
            if key.startswith(prefix) and (key or not prefix):
                yield from self._leftovers(key, folder)
        if not prefix:
            yield from self._leftovers("", self.root)

    def abort(self, upload: Upload) -> None:
        path = self.root / upload.id
        if path.suffix in (".upload", ".about") and self.root in path.resolve().parents:
            path.unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                sync_folder(path.parent)

    def region(self) -> str | None:
        return self._marker.read_text().strip() if self._marker.exists() else None

    def claim(self, region: str) -> None:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self.root / f"region.{uuid7().hex}.upload"
        write_durably(temporary, region.encode() + b"\n")
        with contextlib.suppress(FileExistsError):
            os.link(temporary, self._marker)  # fails if the name is taken: the first claim stands
        temporary.unlink()
        sync_folder(self.root)

    def disagreements(self, legal_area: str | None) -> list[str]:
        return []  # it is where the process is

    def _put(
        self,
        key: str,
        content: bytes | BinaryIO,
        *,
        sha256: str | None = None,
        locked_until: datetime | None = None,
        new: bool = False,
    ) -> Version:
        folder = self._made(key)
        temporary = folder / f"{uuid7().hex}.upload"
        about = About(write_durably(temporary, content), locked_until)
        try:
            about.check(sha256)
            with locked(folder):
                if new and self._newest(key) is not None:
                    raise ObjectExists("there is such an object already")
                version = self._next(key)
                # First what keeps the version, then the version.
                about.write(folder, version)
                path = folder / f"{version}.object"
                try:
                    temporary.rename(path)
                except FileNotFoundError:
                    raise ObjectNotFound("the object was erased while it was written") from None
                sync_folder(folder)
        finally:
            temporary.unlink(missing_ok=True)
        return self._written(key, path)

    def _written(self, key: str, path: Path) -> Version:
        version = _version(key, path)
        if version is None:
            raise ObjectNotFound("the object was erased while it was written")
        return version

    def _newest(self, key: str) -> Version | None:
        """None if there is none, or it is a marker."""
        newest = self.versions(key)[-1:]
        return newest[0] if newest and not newest[0].is_marker else None

    def _next(self, key: str) -> str:
        """A version's id that sorts behind all there are, even if the clock was set back. Under the folder's lock."""
        newest = self.versions(key)[-1:]
        age = max(time.time_ns(), int(newest[0].id[:16], 16) + 1 if newest else 0)
        return f"{age:016x}{os.urandom(8).hex()}"

    @contextlib.contextmanager
    def _about(self, key: str, version: str) -> Iterator[tuple[Path, About]]:
        folder = self._folder(key)
        path = folder / f"{_checked_version(version)}.object"
        if not path.exists():
            raise _no_version()
        with locked(folder):
            if not path.exists():
                raise _no_version()
            yield folder, About.read(folder, version)

    def _leftovers(self, key: str, folder: Path) -> Iterator[Upload]:
        """Files of writers that are at it or died, and what is known about versions that are gone."""
        for path in sorted([*folder.glob("*.upload"), *folder.glob("*.about")]):
            if path.suffix == ".about" and path.with_suffix(".object").exists():
                continue
            with contextlib.suppress(FileNotFoundError):  # finished between the listing and now
                started = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                yield Upload(key, str(path.relative_to(self.root)), started)

    def _folder(self, key: str) -> Path:
        digest = hashlib.sha256(checked_key(key).encode()).hexdigest()
        return self._data / digest[:2] / digest

    def _made(self, key: str) -> Path:
        folder = self._folder(key)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = folder / "key"
        if not name.exists():
            temporary = folder / f"{uuid7().hex}.upload"
            write_durably(temporary, key.encode())
            temporary.replace(name)
        return folder


def _version(key: str, path: Path) -> Version | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None  # removed between the listing and now
    return Version(
        key, path.stem, path.suffix == ".marker", status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)
    )


def _checked_version(version: str) -> str:
    if _VERSION.fullmatch(version) is None:
        raise ObjectNotFound("not the id of a version")
    return version


def _no_version() -> ObjectNotFound:
    return ObjectNotFound("there is no such version of this object")
