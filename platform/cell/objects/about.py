"""What a file store knows about a version besides its bytes: their hash, and what keeps it from being removed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from cell.ids import uuid7
from cell.objects.errors import ObjectDamaged, ObjectLocked
from cell.objects.files import write_durably


class About(msgspec.Struct, frozen=True):
    sha256: str | None = None
    """None for a version from before hashes were kept."""
    locked_until: datetime | None = None
    held: bool = False

    @classmethod
    def read(cls, folder: Path, version: str) -> About:
        """Raises ObjectDamaged."""
        try:
            return msgspec.json.decode((folder / f"{version}.about").read_bytes(), type=About)
        except FileNotFoundError:
            return cls()
        except msgspec.DecodeError:
            raise ObjectDamaged("what the object store knows about a version is damaged") from None

    def write(self, folder: Path, version: str) -> None:
        """Replaces what was known. Durable once the folder is. Raises StoreFull."""
        temporary = folder / f"{uuid7().hex}.upload"
        write_durably(temporary, msgspec.json.encode(self))
        os.replace(temporary, folder / f"{version}.about")

    def check(self, sha256: str | None) -> None:
        """Raises ObjectDamaged if the bytes should have had another hash."""
        if sha256 not in (None, self.sha256):
            raise ObjectDamaged("the content has not the hash that it was said to have; nothing was stored")

    def check_removable(self) -> None:
        """Raises ObjectLocked."""
        if self.held:
            raise ObjectLocked("the version is held")
        if self.locked_until is not None and self.locked_until > datetime.now(UTC):
            raise ObjectLocked("the version is locked until a later time")

    def extended(self, until: datetime) -> About:
        """Raises ObjectLocked."""
        if self.locked_until is not None and until < self.locked_until:
            raise ObjectLocked("a lock cannot be shortened")
        return msgspec.structs.replace(self, locked_until=until)

    def holding(self, *, on: bool) -> About:
        return msgspec.structs.replace(self, held=on)
