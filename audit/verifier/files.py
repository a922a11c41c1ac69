"""The files of an export, from a folder or from the tar file as it was downloaded."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from audit import ustar
from audit.verifier.verdict import Incomplete, Tampered

LARGEST_SMALL_FILE = 64 << 20


class Files(Protocol):
    def names(self) -> set[str]: ...

    def open(self, name: str) -> BinaryIO:
        """Raises Incomplete."""
        ...


class Folder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> set[str]:
        return {path.name for path in self._path.iterdir()}

    def open(self, name: str) -> BinaryIO:
        path = self._path / name
        if not path.is_file():  # a pipe would keep us waiting for ever
            raise Incomplete(f"{name} is not there")
        return path.open("rb")


class Archive:
    """The tar file, byte for byte as it was downloaded."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        try:
            self._members = {name: (start, size) for name, start, size in ustar.members(file)}
        except ustar.NotPlain as error:
            raise Tampered(
                f"this is no export's tar file as it was downloaded, {error}; if you packed it yourself, check the folder"
            ) from None

    def names(self) -> set[str]:
        return set(self._members)

    def open(self, name: str) -> BinaryIO:
        if name not in self._members:
            raise Incomplete(f"{name} is not there")
        return io.BufferedReader(ustar.Slice(self._file, *self._members[name]), 1 << 20)


@contextmanager
def open_files(path: Path) -> Iterator[Files]:
    """Raises Incomplete if there is nothing at `path`, Tampered if it is neither a folder nor an export's tar file."""
    if path.is_dir():
        yield Folder(path)
        return
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise Incomplete(f"there is nothing at {path}") from None
    with file:
        yield Archive(file)


def read(files: Files, name: str) -> bytes:
    """A small file, whole. Raises Incomplete or Tampered."""
    with files.open(name) as file:
        data = file.read(LARGEST_SMALL_FILE + 1)
    if len(data) > LARGEST_SMALL_FILE:
        raise Tampered(f"{name} is larger than any file of its kind")
    return data


def read_text(files: Files, name: str) -> str:
    try:
        return read(files, name).decode()
    except UnicodeDecodeError:
        raise Tampered(f"{name} is not text") from None


def read_lines(files: Files, name: str) -> list[str]:
    """The lines of a small file, each of which ends in a newline. Raises Incomplete or Tampered."""
    text = read_text(files, name)
    if text and not text.endswith("\n"):
        raise Tampered(f"{name} ends within a line")
    return text.split("\n")[:-1]
