"""The tar form of an export (POSIX ustar): plain files in no folder, without owners, times or any other choice.

One export has one tar file, so no byte of it can change unseen, and a reader needs few lines. Needs only Python.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

BLOCK = 512
_RECORD = 20 * BLOCK
"""The file's size is a multiple of this, as tar has always written it."""
_LONGEST_NAME = 100
_LARGEST = 8**11 - 1


class NotPlain(ValueError):
    """Not a tar file as `pack` writes it."""


def pack(folder: Path, into: BinaryIO) -> None:
    """The files of `folder`, in the order of their names."""
    for path in sorted(folder.iterdir()):
        size = path.stat().st_size
        into.write(header(path.name, size))
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                into.write(piece)
        into.write(bytes(-size % BLOCK))
    end = into.tell() + 2 * BLOCK
    into.write(bytes(2 * BLOCK + -end % _RECORD))


def header(name: str, size: int) -> bytes:
    """The 512 bytes before a file's content. Raises NotPlain for what does not fit into them."""
    raw = name.encode()
    if not 0 < len(raw) <= _LONGEST_NAME or 0 in raw or not 0 <= size <= _LARGEST:
        raise NotPlain("the name or the size does not fit into the header")
    block = bytearray(BLOCK)
    block[: len(raw)] = raw
    block[100:148] = b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"00000000000\0"
    block[148:157] = b" " * 8 + b"0"
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def members(file: BinaryIO) -> Iterator[tuple[str, int, int]]:
    """Name, start and size of each file in the tar `file`, in its order, once the whole of it is known to be plain.

    Raises NotPlain for any byte that `pack` would not have written.
    """
    end = file.seek(0, io.SEEK_END)
    found = []
    at = 0
    while any(block := _read(file, at, BLOCK)):
        name, size = _name_and_size(block)
        found.append((name, at + BLOCK, size))
        at += BLOCK + size
        if any(_read(file, at, -size % BLOCK)):
            raise NotPlain("there is something between two files")
        at += -size % BLOCK
    if end != at + 2 * BLOCK + -(at + 2 * BLOCK) % _RECORD or any(_read(file, at, end - at)):
        raise NotPlain("it does not end as a tar file does")
    if [name for name, _, _ in found] != sorted({name for name, _, _ in found}):
        raise NotPlain("its files are not in the order of their names")
    yield from found


def _name_and_size(block: bytes) -> tuple[str, int]:
    try:
        name = block[:_LONGEST_NAME].rstrip(b"\0").decode("ascii")
        size = int(block[124:135], 8)
        if header(name, size) == block:
            return name, size
    except ValueError:
        pass
    raise NotPlain("a header holds something that is no plain file")


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    data = file.read(count)
    if len(data) != count:
        raise NotPlain("it is cut short")
    return data


class Slice(io.RawIOBase):
    """A stretch of a file, to read from its beginning to its end. Closing it leaves the file open."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._at, self._end = file, start, start + size

    def readable(self) -> bool:
        return True

    def readinto(self, into: object) -> int:
        view = memoryview(into)  # type: ignore[arg-type]  # whatever `read` hands over is a buffer
        self._file.seek(self._at)
        piece = self._file.read(min(len(view), self._end - self._at))
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
