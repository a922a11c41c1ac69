"""Proofs for the tree of a workspace, that of the cell and that of checkpoints: that a leaf is in it, and that it only grew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from audit import cosignatures
from audit.merkle import STORED_HEIGHT, Node, consistency_ranges, fold, full_nodes, full_root, inclusion_ranges
from audit.models import Checkpoint, CheckpointLeaf
from audit.supertree import leaf_text
from audit.tlogproof import TlogProof
from audit.trees import SHARED_TREES, SUPER_TREE, Reader, entries_of, scope_of, tree_name


class NotSealed(LookupError):
    """The entry has no place in the tree yet: ask again in a second."""


class NoEntry(LookupError):
    """The reader has no such entry."""


class NoCheckpoint(LookupError):
    """Nothing of this tree has been sealed, or not as much as was asked for."""


@dataclass(frozen=True, slots=True)
class SignedTree:
    """A checkpoint of one tree, with the range from which it continues."""

    tree: str
    size: int
    root: bytes
    range: bytes
    """As `audit.merkle.Range` reads it."""
    note: str
    """With the lines of those who co-signed it."""


@dataclass(frozen=True, slots=True)
class Inclusion:
    """Shows that `body` is entry number `index` of the tree that `checkpoint` signs."""

    body: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: SignedTree

    @property
    def tlog_proof(self) -> str:
        """The same as a file (C2SP tlog-proof v1), which holds the entry too."""
        return TlogProof(self.index, self.path, self.checkpoint.note, self.body).to_text()


@dataclass(frozen=True, slots=True)
class Consistency:
    """Shows that the tree of `checkpoint` begins with its first `first` leaves."""

    first: int
    path: tuple[bytes, ...]
    checkpoint: SignedTree


def checkpoint(reader: Reader, *, size: int | None = None, at_most: int | None = None) -> SignedTree:
    """The newest checkpoint of the reader's tree, of those with exactly `size` or `at_most` so many entries.

    Raises NoCheckpoint.
    """
    with scope_of(reader):
        return _checkpoint(tree_name(reader), size, at_most)


def witnessed(reader: Reader) -> SignedTree | None:
    """The newest checkpoint of the reader's tree that a witness co-signed, which is seldom the newest; None if none is."""
    with scope_of(reader):
        return _witnessed(tree_name(reader))


def inclusion(reader: Reader, entry: UUID) -> Inclusion:
    """In a checkpoint that was co-signed where one holds the entry, otherwise in the newest. Raises NoEntry or NotSealed."""
    with scope_of(reader):
        row = entries_of(reader).filter(pk=entry).first()
        if row is None:
            raise NoEntry
        if row.seq is None:
            raise NotSealed
        top = _checkpoint(row.tree, cosignatures.covering(row.tree, row.seq))
        return Inclusion(bytes(row.body), row.seq, _roots(top.tree, inclusion_ranges(row.seq, top.size)), top)


def consistency(reader: Reader, first: int, *, second: int | None = None) -> Consistency:
    """From a tree of `first` entries to the newest checkpoint, or to the one of `second` entries.

    Raises ProofError for a `first` that is 0 or beyond, NoCheckpoint if there is none of `second` entries.
    """
    with scope_of(reader):
        return _consistency(_checkpoint(tree_name(reader), second), first)


def shared_consistency(tree: str, first: int, *, second: int) -> Consistency:
    """The same of one of the trees whose hashes everyone may see."""
    with transaction.atomic():
        return _consistency(_checkpoint(tree, second), first)


def super_checkpoint(reader: Reader) -> SignedTree:
    """The newest checkpoint of the tree of checkpoints. Raises NoCheckpoint."""
    with scope_of(reader):
        return _checkpoint(SUPER_TREE)


def super_witnessed(reader: Reader) -> SignedTree | None:
    """The newest checkpoint of the tree of checkpoints that a witness co-signed; None if none is."""
    with scope_of(reader):
        return _witnessed(SUPER_TREE)


def super_consistency(reader: Reader, first: int) -> Consistency:
    """From `first` leaves of the tree of checkpoints to its newest one. Raises as `consistency`."""
    with scope_of(reader):
        return _consistency(_checkpoint(SUPER_TREE), first)


def super_inclusion(reader: Reader, *, size: int | None = None) -> Inclusion:
    """Shows that a checkpoint of the reader's tree, the newest or the one of `size` entries, is in the tree of checkpoints.

    `body` is the checkpoint's text. In one of that tree's that was co-signed where one holds it. Raises NotSealed if none was
    added yet, or not that one.
    """
    with scope_of(reader):
        leaves = CheckpointLeaf.objects.filter(tree=tree_name(reader))
        leaf = leaves.order_by("-size").first() if size is None else leaves.filter(size=size).first()
        if leaf is None:
            raise NotSealed
        top = _checkpoint(SUPER_TREE, cosignatures.covering(SUPER_TREE, leaf.number))
        path = _roots(SUPER_TREE, inclusion_ranges(leaf.number, top.size))
        return Inclusion(leaf_text(leaf.tree, leaf.size, bytes(leaf.root)), leaf.number, path, top)


def _witnessed(tree: str) -> SignedTree | None:
    size = cosignatures.newest(tree)
    return None if size is None else _checkpoint(tree, size)


def _checkpoint(tree: str, size: int | None = None, at_most: int | None = None) -> SignedTree:
    found = Checkpoint.objects.filter(tree=tree)
    if size is not None:
        found = found.filter(size=size)
    if at_most is not None:
        found = found.filter(size__lte=at_most)
    row = found.order_by("-size").first()
    if row is None:
        raise NoCheckpoint
    note = row.note + cosignatures.lines(row.tree, row.size)
    return SignedTree(row.tree, row.size, bytes(row.root), bytes(row.range), note)


def _consistency(newest: SignedTree, first: int) -> Consistency:
    return Consistency(first, _roots(newest.tree, consistency_ranges(first, newest.size)), newest)


def _roots(tree: str, ranges: Sequence[tuple[int, int]]) -> tuple[bytes, ...]:
    """Roots of `ranges` of sealed leaves, from the stored hashes."""
    nodes = [full_nodes(start, end) for start, end in ranges]
    hashes = _hashes(tree, [node for group in nodes for node in group])
    return tuple(fold([hashes[node] for node in group]) for group in nodes)


def _hashes(tree: str, nodes: Sequence[Node]) -> dict[Node, bytes]:
    """Each node from the stored hashes just below it: at most 128 leaves or nodes of a stored height."""
    below: dict[Node, list[bytes]] = {node: [] for node in nodes}
    low, high = (
        [node for node in nodes if node[0] < STORED_HEIGHT],
        [node for node in nodes if node[0] >= STORED_HEIGHT],
    )
    if low:
        if tree in SHARED_TREES:
            source, own = "audit_shared_leaves(%s, %s, %s)", [tree, *_bounds(low)]
        else:
            source, own = "(select seq as place, leaf_hash from audit_entry where tree = %s)", [tree]
        _fill(below, low, source, own)
    if high:
        _fill(
            below,
            high,
            "(select level, position as place, hash as leaf_hash from audit_node where tree = %s)",
            [tree],
            f" and stored.level = wanted.height / {STORED_HEIGHT}",
        )
    return {node: full_root(values) for node, values in below.items()}


def _fill(
    below: dict[Node, list[bytes]], wanted: Sequence[Node], source: str, values: Sequence[Any], more: str = ""
) -> None:
    """Adds to each node of `below` that is `wanted` the hashes of `source` that it stands over, left to right."""
    starts, ends = _bounds(wanted)
    with connection.cursor() as cursor:
        cursor.execute(
            "select wanted.height, wanted.position, stored.leaf_hash"
            " from unnest(%s::integer[], %s::bigint[], %s::bigint[], %s::bigint[])"
            " as wanted(height, position, start, until)"
            f" join {source} stored on stored.place >= wanted.start and stored.place < wanted.until{more}"
            " order by wanted.height, wanted.position, stored.place",
            [[height for height, _ in wanted], [position for _, position in wanted], starts, ends, *values],
        )
        for height, position, value in cursor.fetchall():
            below[height, position].append(bytes(value))


def _bounds(nodes: Sequence[Node]) -> tuple[list[int], list[int]]:
    """Where the stored hashes below each node begin and end."""
    starts = [position << height % STORED_HEIGHT for height, position in nodes]
    return starts, [(position + 1) << height % STORED_HEIGHT for height, position in nodes]
