from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

import pytest

from audit import ustar

FILES = {"a": b"", "b.txt": b"x" * 512, "c-1.gz": bytes(range(256)) * 41, "z" * 100: b"\0"}


@pytest.fixture
def packed(tmp_path: Path) -> bytes:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    file = io.BytesIO()
    ustar.pack(tmp_path, file)
    return file.getvalue()


def test_the_standard_library_reads_it_and_writes_the_same(packed: bytes) -> None:
    again = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(packed)) as tar,
        tarfile.open(fileobj=again, mode="w", format=tarfile.USTAR_FORMAT) as copy,
    ):
        members = tar.getmembers()
        assert {member.name: tar.extractfile(member).read() for member in members} == FILES  # type: ignore[union-attr]
        for member in members:
            plain = tarfile.TarInfo(member.name)
            plain.size = member.size
            copy.addfile(plain, tar.extractfile(member))

    assert again.getvalue() == packed


def test_it_is_read_back_in_pieces(packed: bytes) -> None:
    file = io.BytesIO(packed)

    found = {name: ustar.Slice(file, start, size) for name, start, size in ustar.members(file)}

    assert {name: b"".join(iter(lambda part=part: part.read(100), b"")) for name, part in found.items()} == FILES


def test_no_byte_of_it_is_free_but_those_of_the_files(packed: bytes) -> None:
    file = io.BytesIO(packed)
    content = {place for _, start, size in ustar.members(file) for place in range(start, start + size)}
    chance = random.Random(3)
    for place in {*range(0, len(packed), 7), *range(512)} - content:
        changed = bytearray(packed)
        changed[place] ^= 1 << chance.randrange(8)
        with pytest.raises(ustar.NotPlain):
            list(ustar.members(io.BytesIO(changed)))


@pytest.mark.parametrize("cut", [1, 512, 10240, -1, -512])
def test_it_cannot_be_longer_or_shorter(packed: bytes, cut: int) -> None:
    changed = packed[:-cut] if cut > 0 else packed + bytes(-cut)

    with pytest.raises(ustar.NotPlain):
        list(ustar.members(io.BytesIO(changed)))


@pytest.mark.parametrize("names", [("b", "a"), ("a", "a")])
def test_files_out_of_order_or_twice_are_refused(names: tuple[str, ...]) -> None:
    blocks = b"".join(ustar.header(name, 0) for name in names)

    with pytest.raises(ustar.NotPlain):
        list(ustar.members(io.BytesIO(blocks.ljust(10240, b"\0"))))


@pytest.mark.parametrize(("name", "size"), [("", 1), ("x" * 101, 1), ("a\0b", 1), ("a", -1), ("a", 8**11)])
def test_what_does_not_fit_into_a_header_is_refused(name: str, size: int) -> None:
    with pytest.raises(ustar.NotPlain):
        ustar.header(name, size)
