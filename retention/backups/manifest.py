"""What a backup holds, signed by the cell: it is the last thing that is written, and without it there is no backup."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from audit import canonical
from cell import notes
from cell.keys import KeyProvider
from retention.backups.errors import ManifestBroken
from retention.ledger import Mark

VERSION: Final = 1
TYPE: Final = "bailiwick-backup"
_HEADING: Final = "bailiwick-backup/v1"
DATABASE, KEYS, OBJECTS, LEDGER, HOME = "database", "keys", "objects", "ledger", "home"
FILES: Final = frozenset((DATABASE, KEYS, OBJECTS, LEDGER, HOME))
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class File:
    """One sealed file, as it lies there."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    point: UUID
    """A UUIDv7, so that points sort by age."""
    begun: datetime
    """Before anything was read."""
    cell: str
    region: str
    """Of the cell."""
    place: str
    """Region in which the backup lies."""
    legal_area: str
    software: str
    postgres: int
    """Major version of the server that was dumped."""
    checkpoint: str | None
    """The last signed checkpoint of the cell's own log; None if nothing was sealed yet."""
    ledger: Mark
    files: Mapping[str, File]

    def encode(self, keys: KeyProvider) -> bytes:
        """The file's bytes, signed with the cell's key for backups."""
        document = {
            "v": VERSION,
            "type": TYPE,
            "point": self.point.hex,
            "begun": self.begun.isoformat(),
            "cell": self.cell,
            "region": self.region,
            "place": self.place,
            "legal_area": self.legal_area,
            "software": self.software,
            "postgres": self.postgres,
            "checkpoint": self.checkpoint,
            "ledger": asdict(self.ledger),
            "files": {name: asdict(file) for name, file in self.files.items()},
        }
        note = notes.sign(_text(document), keys.note_signer("backup", _signer(self.region)))
        return canonical.dumps({"manifest": document, "note": note}) + b"\n"

    @classmethod
    def decode(cls, raw: bytes, keys: KeyProvider, region: str) -> Manifest:
        """The manifest in `raw`, if the cell of `region` signed it. Raises ManifestBroken."""
        try:
            whole = canonical.loads(raw.removesuffix(b"\n"))
            document, note = whole["manifest"], whole["note"]
            vkey = keys.note_signer("backup", _signer(region)).vkey
            if notes.verify(note, [vkey]) != _text(document):
                raise ManifestBroken("the manifest of the backup was altered after it was signed")
            if (document["v"], document["type"]) != (VERSION, TYPE):
                raise ManifestBroken("the manifest of the backup is of a version that this release does not read")
            return cls._parsed(document)
        except notes.NoteError as error:
            raise ManifestBroken(f"the manifest of the backup is not this cell's: {error}") from error
        except (canonical.NotCanonical, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ManifestBroken("the manifest of the backup is malformed") from error

    @classmethod
    def _parsed(cls, document: Mapping[str, Any]) -> Manifest:
        files = {name: File(**file) for name, file in document["files"].items()}
        if not files.keys() <= FILES or any(_HEX.fullmatch(file.sha256) is None for file in files.values()):
            raise ValueError("files")
        return cls(
            point=UUID(hex=document["point"]),
            begun=datetime.fromisoformat(document["begun"]),
            ledger=Mark(**document["ledger"]),
            files=files,
            **{
                name: document[name]
                for name in ("cell", "region", "place", "legal_area", "software", "postgres", "checkpoint")
            },
        )

    @property
    def restorable(self) -> bool:
        """Whether a cell can be put back from it; otherwise it is a copy of the ledger alone."""
        return DATABASE in self.files

    @property
    def sha256(self) -> str:
        """Says which files make it up; stands in the log."""
        return hashlib.sha256(canonical.dumps({name: asdict(file) for name, file in self.files.items()})).hexdigest()


def _text(document: Mapping[str, Any]) -> str:
    return f"{_HEADING}\n{hashlib.sha256(canonical.dumps(document)).hexdigest()}\n"


def _signer(region: str) -> str:
    return f"backup.{region}.bailiwick"
