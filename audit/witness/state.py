"""What a witness remembers: for each log the last checkpoint it co-signed, in a file that is whole at any moment.

A witness that forgets can be shown a fork. So a checkpoint is on disk before its co-signature leaves, and a file that is
damaged stops the witness for that log; it never begins anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

from audit.checkpoint import Checkpoint, MalformedCheckpoint
from audit.witness.cosignature import cosigned
from cell.notes import NoteError, split
from cell.witness_key import WitnessKey


class InUse(Exception):
    """Another process holds this folder."""


class StateDamaged(Exception):
    """A file is not what this witness wrote. Somebody has to look at it: the witness co-signs nothing more for that log."""


class State:
    """The folder of one witness. One process at a time may hold it."""

    def __init__(self, folder: Path, witness: WitnessKey) -> None:
        """Raises InUse."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._witness = folder, witness
        self._lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise InUse(f"another witness runs in {folder}") from None

    def close(self) -> None:
        os.close(self._lock)

    def read(self, origin_hash: str) -> str | None:
        """The note that was kept for the log whose origin has this SHA-256; None if there is none."""
        try:
            return (self._folder / origin_hash).read_text()
        except FileNotFoundError:
            return None

    def latest(self, origin: str) -> Checkpoint | None:
        """The last checkpoint that was co-signed for the log; None if there is none. Raises StateDamaged."""
        note = self.read(hash_of(origin))
        if note is None:
            return None
        try:
            checkpoint = Checkpoint.parse(split(note)[0])
            whole = checkpoint.origin == origin and cosigned(note, [self._witness])
        except (NoteError, MalformedCheckpoint):
            whole = False
        if not whole:
            raise StateDamaged(f"{self._folder / hash_of(origin)} is damaged: restore it from a copy that is not older")
        return checkpoint

    def keep(self, origin: str, note: str) -> None:
        """Puts `note`, with our co-signature, in the place of the last one. On disk when it returns."""
        path = self._folder / hash_of(origin)
        new = path.with_suffix(".new")
        with new.open("w") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def hash_of(origin: str) -> str:
    """The name of a log's file, and of its address at the witness."""
    return hashlib.sha256(origin.encode()).hexdigest()
