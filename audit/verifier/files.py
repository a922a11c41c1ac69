"""The files of an export, from a folder or from the tar file as it was downloaded."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

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
        try:
            return (self._path / name).open("rb")
        except (FileNotFoundError, IsADirectoryError):
            raise Incomplete(f"{name} is not there") from None


class Archive:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        try:
            members = tar.getmembers()
        except (tarfile.TarError, EOFError, ValueError):
            raise Tampered("the tar file cannot be read") from None
        self._members = {member.name: member for member in members}
        if len(self._members) != len(members) or not all(member.isreg() for member in members):
            raise Tampered("the tar file holds a name twice, or something that is no file")

    def names(self) -> set[str]:
        return set(self._members)

    def open(self, name: str) -> BinaryIO:
        member = self._members.get(name)
        file = None if member is None else self._tar.extractfile(member)
        if file is None:
            raise Incomplete(f"{name} is not there")
        return file  # type: ignore[return-value]  # a readable binary file


@contextmanager
def open_files(path: Path) -> Iterator[Files]:
    """Raises Incomplete if there is nothing at `path`, Tampered if it is neither a folder nor a tar file."""
    if path.is_dir():
        yield Folder(path)
        return
    try:
        tar = tarfile.open(path)  # noqa: SIM115  # closed below, where its errors are not those of opening
    except FileNotFoundError:
        raise Incomplete(f"there is nothing at {path}") from None
    except (tarfile.TarError, EOFError):
        raise Tampered("this is neither a folder nor a tar file with an export") from None
    with tar:
        yield Archive(tar)


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
