"""Objects with versions: exports, certificates, and later files. The semantics are those of a versioned S3 bucket.

Deleting an object only hides it under a marker; what is to be gone must be removed version by version, markers included.
Keys are opaque ids: never a name, an address or a word that somebody wrote.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from cell.ids import uuid7

_KEY = re.compile(r"[a-z0-9][a-z0-9_.-]*(/[a-z0-9][a-z0-9_.-]*)*")
_LONGEST_KEY = 400
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_VERSION = re.compile(r"[0-9a-f]{32}")


class ObjectNotFound(LookupError):
    """No such object or version, or it is hidden under a delete marker."""


class StoreFull(Exception):
    """The object store has no room. Nothing was written; free some and repeat."""


@dataclass(frozen=True, slots=True)
class Version:
    key: str
    id: str
    """Sorts by the time it was made."""
    is_marker: bool
    size: int
    """Bytes; 0 for a delete marker."""
    modified: datetime


class ObjectStore(Protocol):
    def put(self, key: str, content: bytes | BinaryIO) -> Version:
        """A new version of `key`, whole and durable when it returns. Raises StoreFull."""
        ...

    def get(self, key: str, version: str | None = None) -> bytes:
        """The newest version's bytes, or those of `version`. Raises ObjectNotFound."""
        ...

    def open(self, key: str, version: str | None = None) -> BinaryIO:
        """As `get`, for reading piece by piece; the caller closes it. Raises ObjectNotFound."""
        ...

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Keys that have at least one version or marker and begin with `prefix`, sorted."""
        ...

    def versions(self, key: str) -> list[Version]:
        """Versions and delete markers of `key`, oldest first; empty if there is none."""
        ...

    def delete(self, key: str) -> Version:
        """Hides `key` under a delete marker. Older versions stay readable by their ids."""
        ...

    def delete_version(self, key: str, version: str) -> None:
        """Removes one version or marker for good. Raises ObjectNotFound."""
        ...

    def delete_all_versions(self, key: str) -> int:
        """Removes every version and marker of `key` for good. Returns how many there were."""
        ...


class FileObjectStore:
    """An object store in a folder: one folder a key, one file a version. For one machine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._data = root / "objects"
        self._marker = root / "region"

    def put(self, key: str, content: bytes | BinaryIO) -> Version:
        folder = self._folder(key)
        self._make(folder, key)
        return self._add(key, folder, "object", content)

    def get(self, key: str, version: str | None = None) -> bytes:
        with self.open(key, version) as file:
            return file.read()

    def open(self, key: str, version: str | None = None) -> BinaryIO:
        if version is None:
            newest = self.versions(key)[-1:]
            if not newest or newest[0].is_marker:
                raise ObjectNotFound("there is no such object")
            version = newest[0].id
        try:
            return (self._folder(key) / f"{_checked_version(version)}.object").open("rb")
        except FileNotFoundError:
            raise ObjectNotFound("there is no such version of this object") from None

    def keys(self, prefix: str = "") -> Iterator[str]:
        found = ((folder / "key").read_text() for folder in self._data.glob("??/*") if any(folder.glob("*.*")))
        yield from sorted(key for key in found if key.startswith(prefix))

    def versions(self, key: str) -> list[Version]:
        files = [*self._folder(key).glob("*.object"), *self._folder(key).glob("*.marker")]
        return [version for path in sorted(files) if (version := _version(key, path)) is not None]

    def delete(self, key: str) -> Version:
        folder = self._folder(key)
        self._make(folder, key)
        return self._add(key, folder, "marker", b"")

    def delete_version(self, key: str, version: str) -> None:
        folder = self._folder(key)
        for kind in ("object", "marker"):
            path = folder / f"{_checked_version(version)}.{kind}"
            if path.exists():
                path.unlink()
                _sync_folder(folder)
                return
        raise ObjectNotFound("there is no such version of this object")

    def delete_all_versions(self, key: str) -> int:
        folder = self._folder(key)
        removed = 0
        for version in self.versions(key):
            with contextlib.suppress(ObjectNotFound):  # another eraser was quicker
                self.delete_version(key, version.id)
                removed += 1
        if folder.exists():
            # Unfinished uploads too: they hold the same bytes.
            for leftover in folder.glob("*.upload"):
                leftover.unlink(missing_ok=True)
            _sync_folder(folder)
        return removed

    def region(self) -> str | None:
        """The region this store belongs to, if it was ever claimed."""
        return self._marker.read_text().strip() if self._marker.exists() else None

    def claim(self, region: str) -> None:
        """Marks an unclaimed store as that of `region`; a claimed one is left as it is."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self.root / f"region.{uuid7().hex}.upload"
        _write_durably(temporary, region.encode() + b"\n")
        with contextlib.suppress(FileExistsError):
            os.link(temporary, self._marker)  # fails if the name is taken: the first claim stands
        temporary.unlink()
        _sync_folder(self.root)

    def _folder(self, key: str) -> Path:
        if len(key) > _LONGEST_KEY or _KEY.fullmatch(key) is None:
            raise ValueError("an object's key is made of lower-case ids, dots and slashes")
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._data / digest[:2] / digest

    def _make(self, folder: Path, key: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = folder / "key"
        if not name.exists():
            temporary = folder / f"{uuid7().hex}.upload"
            _write_durably(temporary, key.encode())
            temporary.replace(name)

    def _add(self, key: str, folder: Path, kind: str, content: bytes | BinaryIO) -> Version:
        newest = self.versions(key)[-1:]
        # Nanoseconds first, so that ids sort by age; never below the newest, even if the clock was set back.
        age = max(time.time_ns(), int(newest[0].id[:16], 16) + 1 if newest else 0)
        name = f"{age:016x}{os.urandom(8).hex()}"
        temporary, path = folder / f"{name}.upload", folder / f"{name}.{kind}"
        _write_durably(temporary, content)
        temporary.rename(path)
        _sync_folder(folder)
        version = _version(key, path)
        if version is None:
            raise ObjectNotFound("the object was erased while it was written")
        return version


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


def _write_durably(path: Path, content: bytes | BinaryIO) -> None:
    """Writes and fsyncs, or leaves nothing. Raises StoreFull."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                shutil.copyfileobj(content, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno in _NO_ROOM:
            raise StoreFull("the object store has no room left; free some and repeat") from error
        raise


def _sync_folder(folder: Path) -> None:
    """A rename or removal is durable only when the folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
