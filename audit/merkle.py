"""Merkle trees as in RFC 6962, section 2.1: hashing, growing, proving and verifying. Needs nothing but Python.

A tree over n leaves is described by half-open ranges of leaf numbers. A range whose size is a power of two and that starts at a
multiple of it is *full*: its root never changes again, whatever is appended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
STORED_HEIGHT = 8
"""Roots of full subtrees are kept at every eighth height: 1/255 of the leaves' size, and any proof needs few of them."""

TILE = 1 << STORED_HEIGHT
"""Leaves under such a root."""

Node = tuple[int, int]
"""A full subtree: its height, and its number from the left among those of that height."""


class ProofError(ValueError):
    """The proof does not show what it claims."""


def leaf_hash(body: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + body).digest()


def leaf_hashes(bodies: Iterable[bytes]) -> list[bytes]:
    """As `leaf_hash`, of many at once."""
    sha256 = hashlib.sha256
    return [sha256(b"\x00" + body).digest() for body in bodies]


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Range:
    """A growing tree, kept as the roots of the full subtrees it consists of, largest first: at most 63 hashes."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Continues a tree of `size` leaves. Raises ProofError if `hashes` cannot be its range."""
        if size < 0 or len(hashes) != size.bit_count() or any(len(item) != HASH_BYTES for item in hashes):
            raise ProofError("a range has one 32-byte hash for every 1 in the binary form of its size")
        self.size = size
        self.hashes = list(hashes)

    @classmethod
    def from_bytes(cls, size: int, joined: bytes) -> Range:
        return cls(size, [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)])

    def __bytes__(self) -> bytes:
        return b"".join(self.hashes)

    def extend(self, leaves: Iterable[bytes], finished: Callable[[Node, bytes], object] | None = None) -> None:
        """Appends leaf hashes; `finished` is told every full subtree of a stored height that they complete."""
        remaining = iter(leaves)
        while True:
            # From a multiple of a tile on a whole one is hashed at once, level by level: most of a long stretch.
            tile = list(islice(remaining, TILE - self.size % TILE))
            if len(tile) == TILE:
                self._append(full_root(tile), STORED_HEIGHT, finished, told=True)
            else:
                for leaf in tile:
                    self._append(leaf, 0, finished)
            if not tile:
                return

    def _append(
        self, node: bytes, height: int, finished: Callable[[Node, bytes], object] | None, *, told: bool = False
    ) -> None:
        """A full subtree of `height`, to a tree whose size is a multiple of its own; `told` if it was not told of yet."""
        size = self.size
        self.size += 1 << height
        position = size >> height
        if told and finished is not None:
            finished((height, position), node)
        while position & 1:
            node = node_hash(self.hashes.pop(), node)
            position >>= 1
            height += 1
            if finished is not None and height % STORED_HEIGHT == 0:
                finished((height, position), node)
        self.hashes.append(node)

    def root(self) -> bytes:
        return fold(self.hashes)


def fold(hashes: Sequence[bytes]) -> bytes:
    """Root over neighbouring full subtrees, largest first."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The ranges whose roots are the inclusion proof of leaf `index` in a tree of `size` leaves, lowest first."""
    if not 0 <= index < size:
        raise ProofError("there is no such leaf in a tree of this size")
    ranges, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(first: int, second: int) -> list[tuple[int, int]]:
    """The ranges whose roots show that a tree of `second` leaves begins with one of `first`, lowest first."""
    if not 0 < first <= second:
        raise ProofError("a consistency proof leads from a tree that is not empty to one that is not smaller")
    ranges, start, end = [], 0, second
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start > 0:
        ranges.append((start, end))
    return ranges[::-1]


def full_nodes(start: int, end: int) -> list[Node]:
    """The full subtrees, left to right, that make up the range; `start` is as in the ranges of a proof."""
    nodes = []
    while start < end:
        height = (end - start).bit_length() - 1
        nodes.append((height, start >> height))
        start += 1 << height
    return nodes


def full_root(hashes: Sequence[bytes]) -> bytes:
    """Root over neighbouring hashes of one height, whose number is a power of two."""
    level, sha256 = hashes, hashlib.sha256
    while len(level) > 1:
        level = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def verify_inclusion(*, index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> None:
    """Raises ProofError unless `path` shows that leaf `index` of the tree of `size` leaves with `root` is `leaf`.

    The algorithm of RFC 9162, section 2.1.3.2.
    """
    _check_hashes([leaf, root, *path])
    if not 0 <= index < size:
        raise ProofError("there is no such leaf in a tree of this size")
    position, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ProofError("the inclusion proof is too long")
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    if last != 0 or node != root:
        raise ProofError("the inclusion proof does not lead to the root")


def verify_consistency(
    *, first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]
) -> None:
    """Raises ProofError unless `path` shows that the tree of `second` leaves begins with that of `first`.

    The algorithm of RFC 9162, section 2.1.4.2. A proof from an empty tree says nothing and is refused.
    """
    _check_hashes([first_root, second_root, *path])
    if not 0 < first <= second:
        raise ProofError("a consistency proof leads from a tree that is not empty to one that is not smaller")
    if first == second:
        if path or first_root != second_root:
            raise ProofError("two trees of one size are the same tree, and need no proof")
        return
    nodes = list(path)
    if first.bit_count() == 1:  # the old tree is a full subtree of the new one: the proof leaves its root out
        nodes.insert(0, first_root)
    if not nodes:
        raise ProofError("the consistency proof is empty")
    position, last = first - 1, second - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            raise ProofError("the consistency proof is too long")
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if last != 0 or old != first_root or new != second_root:
        raise ProofError("the consistency proof does not connect the two roots")


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(item) != HASH_BYTES for item in hashes):
        raise ProofError("every hash has 32 bytes")
