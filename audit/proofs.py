"""Proofs for one workspace's tree: that an entry is in it, and that it only ever grew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from audit.log import tree_of
from audit.merkle import STORED_HEIGHT, Node, consistency_ranges, fold, full_nodes, full_root, inclusion_ranges
from audit.models import AuditEntry, Checkpoint
from audit.tlogproof import TlogProof
from cell.access import WorkspaceRef
from cell.tenancy import workspace_scope


class NotSealed(LookupError):
    """The entry has no place in the tree yet: ask again in a second."""


class NoEntry(LookupError):
    """The workspace has no such entry."""


class NoCheckpoint(LookupError):
    """Nothing of this workspace has been sealed, or not as much as was asked for."""


@dataclass(frozen=True, slots=True)
class SignedTree:
    """A checkpoint of one tree, with the range from which it continues."""

    tree: str
    size: int
    root: bytes
    range: bytes
    """As `audit.merkle.Range` reads it."""
    note: str


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


def checkpoint(workspace: WorkspaceRef, *, size: int | None = None, at_most: int | None = None) -> SignedTree:
    """The newest checkpoint of the workspace, of those with exactly `size` or `at_most` so many entries. Raises NoCheckpoint."""
    with workspace_scope(workspace):
        found = Checkpoint.objects.filter(tree=tree_of(workspace))
        if size is not None:
            found = found.filter(size=size)
        if at_most is not None:
            found = found.filter(size__lte=at_most)
        row = found.order_by("-size").first()
        if row is None:
            raise NoCheckpoint
        return SignedTree(row.tree, row.size, bytes(row.root), bytes(row.range), row.note)


def inclusion(workspace: WorkspaceRef, entry: UUID) -> Inclusion:
    """Raises NoEntry or NotSealed."""
    with workspace_scope(workspace):
        row = AuditEntry.objects.filter(pk=entry, workspace_id=workspace.id).first()
        if row is None:
            raise NoEntry
        if row.seq is None:
            raise NotSealed
        newest = checkpoint(workspace)
        path = _roots(newest.tree, inclusion_ranges(row.seq, newest.size))
        return Inclusion(bytes(row.body), row.seq, path, newest)


def consistency(workspace: WorkspaceRef, first: int, *, second: int | None = None) -> Consistency:
    """From a tree of `first` entries to the newest checkpoint, or to the one of `second` entries.

    Raises ProofError for a `first` that is 0 or beyond, NoCheckpoint if there is none of `second` entries.
    """
    with workspace_scope(workspace):
        newest = checkpoint(workspace, size=second)
        return Consistency(first, _roots(newest.tree, consistency_ranges(first, newest.size)), newest)


def _roots(tree: str, ranges: Sequence[tuple[int, int]]) -> tuple[bytes, ...]:
    """Roots of `ranges` of sealed leaves, from the stored hashes."""
    nodes = [full_nodes(start, end) for start, end in ranges]
    hashes = _hashes(tree, [node for group in nodes for node in group])
    return tuple(fold([hashes[node] for node in group]) for group in nodes)


def _hashes(tree: str, nodes: Sequence[Node]) -> dict[Node, bytes]:
    """Each node from the stored hashes just below it: at most 128 leaves or nodes of a stored height."""
    below: dict[Node, list[bytes]] = {node: [] for node in nodes}
    for table, column, level, wanted in (
        ("audit_entry", "seq", "0", [node for node in nodes if node[0] < STORED_HEIGHT]),
        ("audit_node", "position", "stored.level", [node for node in nodes if node[0] >= STORED_HEIGHT]),
    ):
        if not wanted:
            continue
        hash_ = "leaf_hash" if table == "audit_entry" else "hash"
        with connection.cursor() as cursor:
            cursor.execute(
                f"select wanted.height, wanted.position, stored.{hash_}"
                " from unnest(%s::integer[], %s::bigint[], %s::bigint[], %s::bigint[])"
                f" as wanted(height, position, start, until) join {table} stored"
                f" on stored.tree = %s and {level} = wanted.height / {STORED_HEIGHT}"
                f" and stored.{column} >= wanted.start and stored.{column} < wanted.until"
                f" order by wanted.height, wanted.position, stored.{column}",
                [
                    [height for height, _ in wanted],
                    [position for _, position in wanted],
                    [position << height % STORED_HEIGHT for height, position in wanted],
                    [(position + 1) << height % STORED_HEIGHT for height, position in wanted],
                    tree,
                ],
            )
            for height, position, value in cursor.fetchall():
                below[height, position].append(bytes(value))
    return {node: full_root(values) for node, values in below.items()}
