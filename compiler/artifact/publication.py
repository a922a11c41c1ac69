"""Folders that are called by what is in them: there whole or not at all, and read only as they were written."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from compiler.artifact.addressed import Addressed, FileEntry
from compiler.artifact.refusal import FETCH, Reason, Refused
from compiler.artifact.signature import Sign, Verify, message
from compiler.durable import sync_folder
from compiler.tune.journal import FULL

MANIFEST, SIGNATURE, KERNELS = "manifest.json", "signature", "kernels"
_SAVING = ".saving-"
_STALE = 60.0
"""Seconds: no writer takes longer from making its folder to locking it."""
_BLOCK = 1 << 20


class Unsaved(Exception):
    """Nothing was saved; the message says what to do. What was there is as it was."""


def publish(into: Path, fill: Callable[[Path], Addressed], sign: Sign | None = None) -> Path:
    """Has `fill` write the files, and `KERNELS`, to a folder of its own, which then becomes `into`/ADDRESS; returns that.

    What is there under the address already stays. Raises Unsaved.
    """
    try:
        with workroom(into) as work:
            (work / KERNELS).mkdir(mode=0o700)
            manifest = fill(work)
            written = manifest.to_bytes()
            write(work / MANIFEST, [written])
            if sign is not None:
                write(work / SIGNATURE, [sign(message(written))])
            sync_folder(work / KERNELS)
            sync_folder(work)
            target = into / manifest.address
            if not target.exists():
                _take_place(work, target)
                sync_folder(into)
    except OSError as error:
        if error.errno in FULL:
            raise Unsaved(f"the disk of {into} is full: free some space, or give another folder") from error
        raise Unsaved(
            f"{into} cannot be written to: {error.strerror}. Give a folder that this process may write to"
        ) from error
    return target


@contextmanager
def workroom(into: Path) -> Iterator[Path]:
    """A new folder in `into` while the block runs; one that a killed process left is removed by the next. Raises OSError."""
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sweep(into)
    work = Path(tempfile.mkdtemp(prefix=_SAVING, dir=into))
    lock = os.open(work, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield work
    finally:
        os.close(lock)
        shutil.rmtree(work, ignore_errors=True)


def write(path: Path, pieces: Iterable[bytes | memoryview]) -> FileEntry:
    """A new file, durably. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        for piece in pieces:
            file.write(piece)
            digest.update(piece)
            size += len(piece)
        file.flush()
        os.fsync(file.fileno())
    return FileEntry(digest.hexdigest(), size)


def read(path: Path, name: str) -> bytes:
    """A file of the folder. Raises Refused."""
    try:
        return (path / name).read_bytes()
    except OSError as error:
        raise Refused(Reason.MISSING, f"{path / name} cannot be read: {error.strerror}", FETCH) from error


def check_signature(path: Path, manifest: bytes, verify: Verify) -> None:
    """Raises Refused."""
    remedy = "Take the artifact from a cell whose key is trusted here, or compile it again"
    if not (path / SIGNATURE).is_file():
        raise Refused(Reason.SIGNATURE, f"{path} is not signed", remedy)
    if not verify(message(manifest), read(path, SIGNATURE)):
        raise Refused(Reason.SIGNATURE, f"{path} is not signed by a key that is trusted here, or was changed", remedy)


def check_files(path: Path, manifest: Addressed) -> None:
    """That they are all there, no others, and each as it was. Raises Refused."""
    there = {str(found.relative_to(path)): found for found in path.rglob("*") if found != path / KERNELS}
    beside = {MANIFEST, SIGNATURE}
    if missing := sorted(manifest.files.keys() - there.keys()):
        raise Refused(Reason.MISSING, f"{path / missing[0]} is not there", FETCH)
    if foreign := sorted(there.keys() - manifest.files.keys() - beside):
        raise Refused(Reason.BYTES, f"{path / foreign[0]} is no part of the artifact", FETCH)
    for name, entry in manifest.files.items():
        if there[name].is_symlink() or not _is_as_saved(there[name], entry):
            raise Refused(Reason.BYTES, f"{path / name} is not as it was saved", FETCH)


def _is_as_saved(file: Path, entry: FileEntry) -> bool:
    if file.stat().st_size != entry.bytes:
        return False
    digest = hashlib.sha256()
    with open(file, "rb") as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest() == entry.sha256


def _take_place(work: Path, target: Path) -> None:
    try:
        work.rename(target)
    except OSError:
        # Another process was first with the same content.
        if not target.exists():
            raise


def _sweep(into: Path) -> None:
    """Removes what a killed process left: nobody holds the lock of its folder any more."""
    for left in into.glob(f"{_SAVING}*"):
        try:
            lock = os.open(left, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.time() - os.fstat(lock).st_mtime > _STALE:
                shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
