"""Reading the lines of an export that was packed: what is sent is what lies there, however often."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from typing import IO, BinaryIO

from audit.destinations import Batch
from audit.formats import Format, Log

MOST_LINES, MOST_BYTES = 500, 1 << 20
"""Of one batch; a single line may be longer."""


def batches(packed: BinaryIO, name: Format, log: Log, key: str) -> Iterator[Batch]:
    """The lines in one format, cut up from the first on: the same export is always cut in the same places.

    `key` makes the batches' own.
    """
    with tempfile.TemporaryFile() as whole:
        # An object may be readable only from its first byte to its last; the two kinds of file in it are read side by side.
        shutil.copyfileobj(packed, whole, 1 << 20)
        whole.seek(0)
        with tarfile.open(fileobj=whole, mode="r:") as tar:
            yield from _cut(_pairs(tar, name), name, log, key)


def _cut(pairs: Iterator[tuple[bytes, bytes]], name: Format, log: Log, key: str) -> Iterator[Batch]:
    waiting: list[tuple[bytes, bytes]] = []
    size = number = 0
    for pair in pairs:
        if waiting and (len(waiting) == MOST_LINES or size + len(pair[1]) > MOST_BYTES):
            yield Batch.prepared(f"{key}-{number}", name, log, waiting)
            waiting, size, number = [], 0, number + 1
        waiting.append(pair)
        size += len(pair[1]) + 1
    if waiting:
        yield Batch.prepared(f"{key}-{number}", name, log, waiting)


def _pairs(tar: tarfile.TarFile, name: Format) -> Iterator[tuple[bytes, bytes]]:
    """Each entry with its line."""
    names = sorted(tar.getnames())
    entries = [found for found in names if found.startswith("entries-")]
    lines = [found for found in names if found.startswith(f"{name.value}-")]
    for one, other in zip(entries, lines, strict=True):
        with gzip.open(_member(tar, one)) as bodies, gzip.open(_member(tar, other)) as copies:
            for body, line in zip(bodies, copies, strict=True):
                yield body[:-1], line[:-1]


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    file = tar.extractfile(name)
    if file is None:
        raise ValueError("an export holds plain files alone")
    return file
