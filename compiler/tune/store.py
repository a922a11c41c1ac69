"""Where winners are kept: one file a key, in a folder that a person can read, copy and delete.

FOLDER/v1/<relaxed key>/<exact key>.json      the row
                        <exact key>.journal   a run that has not ended
                        <exact key>.lock      who tunes this key now
FOLDER/v1/measuring-<device>.lock             who measures on this device now
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from compiler.durable import sync_folder
from compiler.tune import canonical
from compiler.tune.device import Device
from compiler.tune.journal import FULL, Journal
from compiler.tune.key import Key
from compiler.tune.row import FORMAT, CorruptRow, Row, row_from


class Unsaved(Exception):
    """There was no room for a row: the winner is known to this process alone."""


class Store:
    """Rows by key. Readers take no lock: a row is there whole or not at all."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Makes the folder, for its owner alone. Raises OSError where that fails."""
        self.folder = Path(folder) / f"v{FORMAT}"
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def read(self, key: Key) -> Row | None:
        """The winner under the exact key. Raises CorruptRow, which names the file and what to do."""
        return self._read(self.path(key), key)

    def relative(self, key: Key) -> Row | None:
        """The latest winner of the same operator on the same device under another driver. Corrupt ones are passed over."""
        rows = []
        for path in self.path(key).parent.glob("*.json"):
            with suppress(CorruptRow):
                rows.append(self._read(path) if path != self.path(key) else None)
        return max((row for row in rows if row), key=lambda row: str(row.provenance["ended"]), default=None)

    def rows(self) -> Iterator[Row]:
        """Every row. Raises CorruptRow at the first that is damaged."""
        for path in sorted(self.folder.glob("*/*.json")):
            row = self._read(path)
            if row is not None:
                yield row

    def write(self, key: Key, row: Row) -> None:
        """Puts the row in place of what was there: then the disk has all of it. Hold the claim. Raises Unsaved on a full disk."""
        path = self.path(key)
        for left in path.parent.glob(f"{key.exact}.*.tmp"):
            left.unlink()  # by a process that was killed while it wrote
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            path.parent.mkdir(exist_ok=True, mode=0o700)
            with open(draft, "w", encoding="ascii", opener=_private) as file:
                file.write(row.to_text())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            sync_folder(path.parent)
            sync_folder(self.folder)
        except OSError as error:
            draft.unlink(missing_ok=True)
            if error.errno in FULL:
                raise Unsaved(f"{path}: {error.strerror}; make room, and the next run tunes {key} again") from error
            raise

    def forget(self, key: Key) -> None:
        """Removes the row and an unfinished run's journal, so that the next run starts from nothing."""
        for suffix in (".json", ".journal"):
            self.path(key).with_suffix(suffix).unlink(missing_ok=True)

    def set_aside(self, key: Key) -> None:
        """Moves a corrupt row to `….corrupt`, where a person may look at it and nothing reads it."""
        self.path(key).replace(self.path(key).with_suffix(".corrupt"))

    def journal(self, key: Key, header: dict[str, object]) -> Journal:
        """The journal of a run under `key`; hold its claim. `header` is what must be equal for a run to be gone on with."""
        path = self.path(key).with_suffix(".journal")
        return Journal(path, {"kind": "begin", "format": FORMAT, "key": key.exact, **header})

    @contextmanager
    def claim(self, key: Key, waiting: Callable[[], None]) -> Iterator[None]:
        """Nobody else tunes `key` meanwhile. Calls `waiting` once where somebody does, and waits until they have ended.

        The lock is the kernel's: it goes with the process, however that ends. Its empty file stays, for removing it would let
        two processes hold locks on two files of one name.
        """
        with self._locked(self.path(key).with_suffix(".lock"), waiting):
            yield

    @contextmanager
    def quiet(self, device: Device) -> Iterator[None]:
        """Nobody else who uses this store measures on `device` meanwhile, so that two runs do not disturb each other."""
        name = canonical.digest({**asdict(device), "driver": ""})[:16]
        with self._locked(self.folder / f"measuring-{name}.lock", lambda: None):
            yield

    def path(self, key: Key) -> Path:
        return self.folder / key.relaxed / f"{key.exact}.json"

    def _read(self, path: Path, key: Key | None = None) -> Row | None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return row_from(content.decode("ascii"), key=key)
        except (CorruptRow, UnicodeDecodeError) as error:
            raise CorruptRow(f"{path} is not used: {error}. Delete it, and the operator is tuned again") from error

    @contextmanager
    def _locked(self, path: Path, waiting: Callable[[], None]) -> Iterator[None]:
        file = _opened(path)
        if file is None:
            # No room for an empty file: no row fits either, so there is nothing that two runs could spoil.
            yield
            return
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)


def _opened(path: Path) -> int | None:
    try:
        path.parent.mkdir(exist_ok=True, mode=0o700)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in FULL:
            raise
        return None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
