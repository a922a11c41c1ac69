"""Files in the cell's object store by the hash of what they hold, compared whenever they are read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cell.objects import ObjectDamaged, ObjectNotFound, ObjectStore

_READ_BYTES = 1 << 20


class LostFile(Exception):
    """A file is not in the store, or not as it was; the message says which of both."""


@dataclass(frozen=True, slots=True)
class KeptFiles:
    objects: ObjectStore
    prefix: str
    """Of their keys."""

    def keep(self, path: Path) -> tuple[str, int]:
        """SHA-256 and bytes of the file, which is in the store then; what is there already is not written again."""
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
            size = opened.tell()
            key = f"{self.prefix}{digest}"
            kept = self.objects.versions(key)
            if not kept or kept[-1].is_marker or kept[-1].size != size:
                opened.seek(0)
                self.objects.put(key, opened, sha256=digest)
        return digest, size

    def fetch(self, digest: str, path: Path) -> None:
        """Writes the file of that hash to `path`. Raises LostFile."""
        path.parent.mkdir(parents=True, exist_ok=True)
        seen = hashlib.sha256()
        try:
            with self.objects.open(f"{self.prefix}{digest}") as stored, path.open("wb") as written:
                while block := stored.read(_READ_BYTES):
                    seen.update(block)
                    written.write(block)
        except ObjectNotFound:
            raise LostFile(f"the object store has lost {path.name}") from None
        except ObjectDamaged:
            raise LostFile(f"{path.name} is damaged in the object store") from None
        if seen.hexdigest() != digest:
            raise LostFile(f"{path.name} is damaged in the object store")
