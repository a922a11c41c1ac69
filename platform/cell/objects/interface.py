"""What an object store does. The semantics are those of a versioned S3 bucket.

Deleting an object only hides it under a marker; what is to be gone must be removed version by version, markers and unfinished
uploads included. Keys are opaque ids: never a name, an address or a word that somebody wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

LONGEST_KEY = 400
_KEY = re.compile(r"[a-z0-9][a-z0-9_.-]*(/[a-z0-9][a-z0-9_.-]*)*")


@dataclass(frozen=True, slots=True)
class Version:
    key: str
    id: str
    """Opaque. `versions` says which is older."""
    is_marker: bool
    size: int
    """Bytes; 0 for a delete marker."""
    modified: datetime


@dataclass(frozen=True, slots=True)
class Upload:
    """Bytes that were brought and never became a version: the writer is still at it, or died."""

    key: str
    """Empty where it is not known any more."""
    id: str
    started: datetime


class ObjectStore(Protocol):
    """Every operation raises StoreAway and StoreRefused besides what it names, and ValueError for what is no key."""

    def put(
        self, key: str, content: bytes | BinaryIO, *, sha256: str | None = None, locked_until: datetime | None = None
    ) -> Version:
        """A new version of `key`, whole and durable when it returns.

        `content` is bytes or a seekable file, from where it stands to its end. `sha256`, in hexadecimal, is what its hash has to
        be. Until `locked_until` nobody can remove the version. Raises StoreFull, ObjectDamaged, LockUnsupported; then there
        is no new version.
        """
        ...

    def put_new(self, key: str, content: bytes | BinaryIO) -> Version:
        """As `put` if `key` has no object, or only a hidden one: of several at the same time one succeeds. Raises ObjectExists."""
        ...

    def get(self, key: str, version: str | None = None) -> bytes:
        """The newest version's bytes, or those of `version`. Raises ObjectNotFound, ObjectDamaged."""
        ...

    def open(self, key: str, version: str | None = None) -> BinaryIO:
        """As `get`, for reading from the first byte to the last; the caller closes it. Raises ObjectNotFound.

        Reading the last byte raises ObjectDamaged if the hash of all is not the one that was stored with them.
        """
        ...

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Keys that have at least one version or marker and begin with `prefix`, sorted."""
        ...

    def histories(self, prefix: str = "") -> Iterator[list[Version]]:
        """As `versions`, for each of `keys`, in their order."""
        ...

    def versions(self, key: str) -> list[Version]:
        """Versions and delete markers of `key`, oldest first; empty if there is none."""
        ...

    def delete(self, key: str) -> Version:
        """Hides `key` under a delete marker, unless one hides it already. Versions stay readable by their ids."""
        ...

    def delete_version(self, key: str, version: str) -> None:
        """Removes one version or marker for good. Raises ObjectNotFound, ObjectLocked."""
        ...

    def delete_all_versions(self, key: str) -> int:
        """Removes every version, marker and unfinished upload of `key` for good. Returns how many versions and markers went.

        Raises ObjectLocked if some may not be removed; all others are gone then.
        """
        ...

    def lock(self, key: str, version: str, until: datetime) -> None:
        """Nobody can remove the version until then; a lock is never shortened.

        Raises ObjectNotFound, LockUnsupported, and ObjectLocked for a time before the one that is set.
        """
        ...

    def hold(self, key: str, version: str, *, on: bool) -> None:
        """Nobody can remove the version until it is let go again (`on=False`). Raises ObjectNotFound, LockUnsupported."""
        ...

    def uploads(self, prefix: str = "") -> Iterator[Upload]:
        """Unfinished uploads to keys that begin with `prefix`; also those whose key is not known if it is empty."""
        ...

    def abort(self, upload: Upload) -> None:
        """Removes an unfinished upload with its bytes; one that is gone already is none."""
        ...

    def region(self) -> str | None:
        """The region that this store belongs to, if it was ever claimed."""
        ...

    def claim(self, region: str) -> None:
        """Marks an unclaimed store as that of `region`; a claimed one is left as it is."""
        ...

    def disagreements(self, legal_area: str | None) -> list[str]:
        """What stands against serving a cell under the law of `legal_area` (None: not known) from this store."""
        ...


def checked_key(key: str) -> str:
    """`key`. Raises ValueError unless it is made of what keys are made of."""
    if not is_key(key):
        raise ValueError("an object's key is made of lower-case ids, dots and slashes")
    return key


def is_key(text: str) -> bool:
    return len(text) <= LONGEST_KEY and _KEY.fullmatch(text) is not None
