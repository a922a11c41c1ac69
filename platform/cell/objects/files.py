"""Writing files so that they are whole and there after a power cut, or not there at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cell.objects.errors import StoreFull

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BLOCK_BYTES = 1 << 20


def write_durably(path: Path, content: bytes | BinaryIO) -> str:
    """Writes and fsyncs, or leaves nothing. Returns the content's SHA-256, hexadecimal. Raises StoreFull."""
    digest = hashlib.sha256()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for block in _blocks(content):
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno in _NO_ROOM:
            raise StoreFull("the object store has no room left; free some and repeat") from error
        raise
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return digest.hexdigest()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One at a time, of all threads and processes of this machine; a dead process lets go."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _blocks(content: bytes | BinaryIO) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    while block := content.read(_BLOCK_BYTES):
        yield block
