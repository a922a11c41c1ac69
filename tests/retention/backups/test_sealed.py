"""Sealed files: no byte of them can change, and nothing of them can be left out or put elsewhere."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cell.keys import FileRoot, RootedKeys, cell_keys
from retention.backups.errors import SealBroken
from retention.backups.sealed import CHUNK, MAGIC, Place, SealingWriter, UnsealingReader

HERE = Place("eude1", "0" * 32, "database")
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5]
SEALED_CHUNK = CHUNK + 16


def seal(content: bytes, place: Place = HERE) -> bytes:
    target = io.BytesIO()
    writer = SealingWriter(target, cell_keys(), place)
    for first in range(0, len(content), 300_007):
        writer.write(content[first : first + 300_007])
    writer.finish()
    assert writer.size == len(target.getvalue())
    return target.getvalue()


def unseal(sealed: bytes, place: Place = HERE, keys: RootedKeys | None = None) -> bytes:
    reader = UnsealingReader(io.BytesIO(sealed), keys or cell_keys(), place)
    parts = []
    while part := reader.read(70_001):
        parts.append(part)
    return b"".join(parts)


def content_of(size: int) -> bytes:
    return (b"0123456789abcdef!" * (size // 17 + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_opens_again(size: int) -> None:
    sealed = seal(content_of(size))
    assert unseal(sealed) == content_of(size)
    assert content_of(64) not in sealed


def header_of(sealed: bytes) -> int:
    at = len(MAGIC)
    return at + 2 + int.from_bytes(sealed[at : at + 2], "big")


THREE = content_of(2 * CHUNK + 100)


@given(st.data())
def test_any_flipped_bit_is_found(data: st.DataObject) -> None:
    sealed = bytearray(seal(content_of(5000)))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SealBroken):
        unseal(bytes(sealed))


@given(st.data())
def test_any_cut_is_found(data: st.DataObject) -> None:
    sealed = seal(content_of(5000))
    with pytest.raises(SealBroken):
        unseal(sealed[: data.draw(st.integers(0, len(sealed) - 1))])


def test_chunks_cannot_be_dropped_swapped_repeated_or_added() -> None:
    sealed = seal(THREE)
    at = header_of(sealed)
    head, chunks = sealed[:at], [sealed[at + n * SEALED_CHUNK : at + (n + 1) * SEALED_CHUNK] for n in range(3)]
    assert unseal(head + b"".join(chunks)) == THREE
    other = seal(THREE)[header_of(sealed) :]
    for wrong in (
        chunks[:2],
        chunks[1:],
        [chunks[1], chunks[0], chunks[2]],
        [chunks[0], chunks[0], chunks[2]],
        [*chunks, chunks[2]],
        [*chunks, b"x"],
        [other[:SEALED_CHUNK], *chunks[1:]],
    ):
        with pytest.raises(SealBroken):
            unseal(head + b"".join(wrong))


@pytest.mark.parametrize(
    "elsewhere",
    [Place("eude1", "0" * 32, "keys"), Place("eude1", "1" * 32, "database"), Place("eufr1", "0" * 32, "database")],
)
def test_it_opens_in_its_place_alone(elsewhere: Place) -> None:
    with pytest.raises(SealBroken, match="belongs to another place or root"):
        unseal(seal(b"content"), elsewhere)


def test_it_opens_under_its_root_alone(tmp_path) -> None:
    file = tmp_path / "root.key"
    file.touch(mode=0o600)
    file.write_text("ab" * 32)
    with pytest.raises(SealBroken, match="belongs to another place or root"):
        unseal(seal(b"content"), keys=RootedKeys(FileRoot(file), bytes(32)))
