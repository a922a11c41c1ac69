"""Reading an export that was packed, its lines or its files: what is sent is what lies there, however often."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO

from audit.bundle import MANIFEST, MANIFEST_NOTE
from audit.destinations import Batch, ExportFile
from audit.formats import Format, Log

MOST_LINES, MOST_BYTES = 500, 1 << 20
"""Of one batch; a single line may be longer."""


def batches(packed: BinaryIO, name: Format, log: Log, key: str) -> Iterator[Batch]:
    """The lines in one format, cut up from the first on: the same export is always cut in the same places.

    `key` makes the batches' own.
    """
    with _opened(packed) as tar:
        yield from _cut(_pairs(tar, name), name, log, key)


def files(packed: BinaryIO, folder: str) -> Iterator[ExportFile]:
    """The files one by one, to lie in `folder`; the manifest and its signature last, so that where they are the rest is, too."""
    with _opened(packed) as tar:
        for member in sorted(tar.getmembers(), key=lambda found: (found.name in (MANIFEST, MANIFEST_NOTE), found.name)):
            content = _member(tar, member.name)
            digest = hashlib.file_digest(content, "sha256")  # type: ignore[arg-type]  # it is a buffered reader
            yield ExportFile(f"{folder}/{member.name}", content, member.size, digest.hexdigest())


@contextmanager
def _opened(packed: BinaryIO) -> Iterator[tarfile.TarFile]:
    with tempfile.TemporaryFile() as whole:
        # An object may be readable only from its first byte to its last; what is in it is read side by side, or twice.
        shutil.copyfileobj(packed, whole, 1 << 20)
        whole.seek(0)
        with tarfile.open(fileobj=whole, mode="r:") as tar:
            yield tar


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
