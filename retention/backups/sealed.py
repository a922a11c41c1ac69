"""A sealed file: a stream of any length under a key of its own, which the cell's root wraps. docs/formats/backup.md.

``bailiwick-sealed-file/v1\\n | length of the wrapped key (2 bytes) | wrapped key | chunks``. Every chunk is 1 MiB of plaintext
under AES-256-GCM, the last one shorter; its nonce is its number and whether it is the last, so that none can be dropped,
repeated, swapped or cut off (STREAM, Hoang, Reyhanitabar, Rogaway and Vizár, CRYPTO 2015). The header and the one place where
the file belongs are authenticated with every chunk.
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cell.keys.provider import KEY_BYTES, KeyProvider, UnwrapError
from retention.backups.errors import SealBroken

MAGIC: Final = b"bailiwick-sealed-file/v1\n"
CHUNK: Final = 1 << 20
_TAG = 16
_MOST_CHUNKS = 1 << 32
_LENGTH_BYTES, _LONGEST_KEY = 2, 4096


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed file belongs, and the only place where it opens."""

    cell: str
    point: str
    name: str

    def encode(self) -> bytes:
        """No two places have the same bytes: none of the words has a newline."""
        return f"bailiwick/backup/v1\n{self.cell}\n{self.point}\n{self.name}".encode()


class SealingWriter(io.RawIOBase):
    """Seals what is written into it into `target`. Without `finish` the file does not open."""

    def __init__(self, target: BinaryIO, keys: KeyProvider, place: Place) -> None:
        key = os.urandom(KEY_BYTES)
        wrapped = keys.wrap(key, place.encode())
        header = MAGIC + len(wrapped).to_bytes(_LENGTH_BYTES, "big") + wrapped
        self._target, self._sealing = target, AESGCM(key)
        self._bound = hashlib.sha256(header + place.encode()).digest()
        self._waiting, self._number = bytearray(), 0
        self._sha256, self.size = hashlib.sha256(), 0
        self._emit(header)

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        view = memoryview(content).cast("B")  # type: ignore[arg-type]  # RawIOBase names a buffer type of the stubs alone
        self._waiting += view
        while len(self._waiting) > CHUNK:  # one chunk at least is kept: the last has to know that it is
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(view)

    def finish(self) -> None:
        """Seals what is left as the last chunk."""
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    @property
    def sha256(self) -> str:
        """Of the sealed bytes, in hexadecimal."""
        return self._sha256.hexdigest()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._emit(self._sealing.encrypt(_nonce(self._number, last=last), chunk, self._bound))
        self._number += 1

    def _emit(self, content: bytes) -> None:
        self._target.write(content)
        self._sha256.update(content)
        self.size += len(content)


class UnsealingReader(io.RawIOBase):
    """Reads what was sealed. Every read raises SealBroken rather than give a byte that was not authenticated.

    The end of the file is the last chunk's: reading to it proves that nothing is missing. Raises RootUnavailable at once if the
    root cannot be asked.
    """

    def __init__(self, source: BinaryIO, keys: KeyProvider, place: Place) -> None:
        self._source, self._hash, self._bytes = source, hashlib.sha256(), 0
        magic = self._take(len(MAGIC))
        if magic != MAGIC:
            raise SealBroken("not a sealed file of version 1")
        length = int.from_bytes(self._take(_LENGTH_BYTES), "big")
        if not 0 < length <= _LONGEST_KEY:
            raise SealBroken("the sealed file's header is malformed")
        wrapped = self._take(length)
        try:
            self._opening = AESGCM(keys.unwrap(wrapped, place.encode()))
        except (UnwrapError, ValueError) as error:
            raise SealBroken(
                f"the sealed file {place.name} belongs to another place or root, or was altered"
            ) from error
        header = magic + length.to_bytes(_LENGTH_BYTES, "big") + wrapped
        self._bound = hashlib.sha256(header + place.encode()).digest()
        self._name, self._number = place.name, 0
        self._next = self._take(CHUNK + _TAG)
        self._open = memoryview(b"")
        self._over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # as for `write`
        while not self._open and not self._over:
            self._open = memoryview(self._chunk())
        size = min(len(view), len(self._open))
        view[:size] = self._open[:size]
        self._open = self._open[size:]
        return size

    def close(self) -> None:
        """Closes the source, too."""
        self._source.close()
        super().close()

    def verify(self) -> tuple[int, str]:
        """Reads to the end. Returns the number of sealed bytes, and their SHA-256 in hexadecimal."""
        while self.read(CHUNK):
            pass
        return self._bytes, self._hash.hexdigest()

    def _chunk(self) -> bytes:
        sealed, self._next = self._next, self._take(CHUNK + _TAG)
        # A full chunk with nothing behind it is the last one, too.
        self._over = not self._next
        try:
            opened = self._opening.decrypt(_nonce(self._number, last=self._over), sealed, self._bound)
        except InvalidTag as error:
            raise SealBroken(f"chunk {self._number} of the sealed file {self._name} was altered or cut off") from error
        self._number += 1
        return opened

    def _take(self, size: int) -> bytes:
        parts, left = [], size
        while left and (part := self._source.read(left)):
            parts.append(part)
            left -= len(part)
        taken = b"".join(parts)
        self._hash.update(taken)
        self._bytes += len(taken)
        return taken


def _nonce(number: int, *, last: bool) -> bytes:
    if number >= _MOST_CHUNKS:
        raise OverflowError("a sealed file has 4 PiB at most")
    return bytes(7) + number.to_bytes(4, "big") + bytes([last])
