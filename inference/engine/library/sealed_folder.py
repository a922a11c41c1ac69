"""The cache's files: sealed, named by nothing that anyone could read, whole or not there. Imports no torch.

    FOLDER/lock  FOLDER/check  FOLDER/<owner>/secret  FOLDER/<owner>/<name>.<version>

A file is `BWC1`, a nonce of 12 bytes, and AES-256-GCM over the value, bound to its workspace, version and key. It appears by a
rename, so that a process killed at any line leaves whole files and, at most, a `.part` that the next one removes. Nothing is synced
except what is erased: after a power cut a torn file fails its seal, which is a miss.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from compiler.durable import sync_folder
from inference.engine.library.cache_keys import RootKey, Secret
from inference.engine.library.errors import CacheError

MAGIC = b"BWC1"
NONCE_BYTES = 12
OVERHEAD = len(MAGIC) + NONCE_BYTES + 16
_OWNER = re.compile(r"[0-9a-f]{32}")
_ENTRY = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{16}")
_SECRET = "secret"
_ZEROS = bytes(1 << 20)


class TornEntry(Exception):
    """A file's seal does not hold: it was torn, altered or put in another's place."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of an earlier process."""

    owner: bytes
    name: bytes
    version: bytes
    size: int


class SealedFolder:
    """For one process at a time, which holds its lock."""

    def __init__(self, path: Path, root: RootKey) -> None:
        """Opens a folder or makes it; one that was written under another key is emptied, for nothing in it can be read.

        Raises CacheError when another process has it or it is not a cache's.
        """
        self._path = path
        self._root = root
        self._kept: set[bytes] = set()
        """Owners whose secret is in its file."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CacheError(f"the cache folder {path} cannot be used ({error.strerror}); name another") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise CacheError(f"another process uses the cache folder {path}; give each process its own") from None
        check = path / "check"
        if not check.is_file() and any(file.name != "lock" for file in path.iterdir()):
            os.close(self._lock)
            raise CacheError(f"{path} holds something else than a cache; name an empty folder")
        if not check.is_file() or check.read_bytes() != root.check_value():
            self._empty()
            _write(check, root.check_value())

    def found(self) -> list[Found]:
        """What earlier processes left, oldest first; parts of files are removed."""
        files: list[tuple[float, Found]] = []
        for owner in self._owners():
            readable = (owner / _SECRET).is_file()
            for file in owner.iterdir():
                if _ENTRY.fullmatch(file.name) and readable:
                    status = file.stat()
                    name, version = (bytes.fromhex(part) for part in file.name.split("."))
                    files.append((status.st_mtime, Found(bytes.fromhex(owner.name), name, version, status.st_size)))
                elif file.name != _SECRET:
                    file.unlink()
        return [found for _, found in sorted(files, key=lambda pair: pair[0])]

    def secret(self, owner: bytes) -> Secret:
        """The owner's secret as it was kept, or a new one where there is none that this key opens."""
        try:
            sealed = (self._folder(owner) / _SECRET).read_bytes()
            value = AESGCM(self._root.wrapping_key()).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], owner)
        except (FileNotFoundError, InvalidTag, ValueError):
            return Secret()
        self._kept.add(owner)
        return Secret(bytearray(value))

    def write(
        self, owner: bytes, name: bytes, version: bytes, value: memoryview, *, secret: Secret, bound: bytes
    ) -> int:
        """Seals a value under an owner's secret, which is kept from the first file on; returns the size of the file. `bound` is
        what the seal is bound to beside the value."""
        content = bytearray(OVERHEAD + value.nbytes)
        content[: len(MAGIC)] = MAGIC
        nonce = os.urandom(NONCE_BYTES)
        content[len(MAGIC) : len(MAGIC) + NONCE_BYTES] = nonce
        AESGCM(secret.sealing_key()).encrypt_into(nonce, value, bound, memoryview(content)[len(MAGIC) + NONCE_BYTES :])
        file = self._file(owner, name, version)
        file.parent.mkdir(mode=0o700, exist_ok=True)
        if owner not in self._kept:
            nonce = os.urandom(NONCE_BYTES)
            wrapped = AESGCM(self._root.wrapping_key()).encrypt(nonce, secret.value, owner)
            _write(file.with_name(_SECRET), nonce + wrapped)
            self._kept.add(owner)
        _write(file, content)
        return len(content)

    def read(
        self, owner: bytes, name: bytes, version: bytes, make: Callable[[int], memoryview], *, key: bytes, bound: bytes
    ) -> None:
        """Opens a value into the buffer that `make(size)` gives. Raises TornEntry; the buffer is then all zeros."""
        try:
            with self._file(owner, name, version).open("rb") as stream:
                if os.fstat(stream.fileno()).st_size <= OVERHEAD:
                    raise TornEntry
                with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content, memoryview(content) as view:
                    _open(view, make, key, bound)
        except OSError as error:
            raise TornEntry from error

    def remove(self, owner: bytes, name: bytes, version: bytes) -> None:
        self._file(owner, name, version).unlink(missing_ok=True)

    def erase(self, owner: bytes) -> tuple[int, int]:
        """Overwrites and removes all files of an owner, the secret first, so that a kill in between leaves nothing that opens;
        returns how many entries and bytes they were."""
        folder = self._folder(owner)
        self._kept.discard(owner)
        if not folder.is_dir():
            return 0, 0
        _destroy(folder / _SECRET)
        files = size = 0
        for file in folder.iterdir():
            files += bool(_ENTRY.fullmatch(file.name))
            size += _destroy(file)
        folder.rmdir()
        sync_folder(self._path)
        return files, size

    def close(self, *, empty: bool) -> None:
        """Gives the folder free; `empty` removes what nobody could open again."""
        if empty:
            self._empty()
        os.close(self._lock)

    def _empty(self) -> None:
        for owner in self._owners():
            _destroy(owner / _SECRET)
            shutil.rmtree(owner)

    def _owners(self) -> Iterator[Path]:
        return (path for path in list(self._path.iterdir()) if _OWNER.fullmatch(path.name) and path.is_dir())

    def _folder(self, owner: bytes) -> Path:
        return self._path / owner.hex()

    def _file(self, owner: bytes, name: bytes, version: bytes) -> Path:
        return self._folder(owner) / f"{name.hex()}.{version.hex()}"


def _open(content: memoryview, make: Callable[[int], memoryview], key: bytes, bound: bytes) -> None:
    nonce, sealed = content[len(MAGIC) : len(MAGIC) + NONCE_BYTES], content[len(MAGIC) + NONCE_BYTES :]
    with nonce, sealed:
        if content[: len(MAGIC)] != MAGIC:
            raise TornEntry
        out = make(len(content) - OVERHEAD)
        try:
            AESGCM(key).decrypt_into(bytes(nonce), sealed, bound, out)
        except InvalidTag:
            out[:] = bytes(len(out))
            raise TornEntry from None


def _write(file: Path, content: bytes | bytearray) -> None:
    part = file.with_name(f"{os.urandom(8).hex()}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _destroy(file: Path) -> int:
    """Overwrites a file on disk and removes it; returns its size. What lives on in a journal or a flash cell is sealed under a key
    that is gone."""
    try:
        with file.open("r+b", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            for done in range(0, size, len(_ZEROS)):
                stream.write(_ZEROS[: size - done])
            os.fsync(stream.fileno())
    except FileNotFoundError:
        return 0
    file.unlink()
    return size
