"""The tree of checkpoints: one tree over those of all workspaces and of the cell, so that none can be shown two ways or hidden.

A leaf is the text of a checkpoint (origin, size, root: docs/formats/checkpoint.md), hashed as RFC 6962 hashes any entry. Every
hour the newest checkpoint of each tree is added, and that of an export when it is made. Whoever holds a checkpoint can ask
for the proof that it is in there; whoever watches this one tree, a witness say, watches them all.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from audit import heads, treestore
from audit.checkpoint import Checkpoint, origin
from audit.entry import now
from audit.heads import Head
from audit.merkle import leaf_hash
from audit.trees import SUPER_TREE
from audit.treestore import ALIAS
from cell.config import config

BATCH = 5_000
"""Most leaves in one transaction."""


class NoSuchCheckpoint(LookupError):
    """The tree has no checkpoint of this size."""


def seal_checkpoints() -> int:
    """Adds the newest checkpoint of every tree that is not in there yet; returns how many those were."""
    total = 0
    while True:
        with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
            if not treestore.lock(cursor, SUPER_TREE):
                return total
            found = heads.unlisted(cursor, apart_from=SUPER_TREE, limit=BATCH)
            _add(cursor, found)
        total += len(found)
        if len(found) < BATCH:
            return total


def seal_checkpoint(tree: str, size: int) -> None:
    """Makes sure that the checkpoint of `tree` at `size` is in there. Raises NoSuchCheckpoint."""
    with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
        treestore.lock(cursor, SUPER_TREE, wait=True)
        cursor.execute(
            "select c.tree, c.workspace_id, c.size, c.root, c.created_at, leaf.number is not null from audit_checkpoint c"
            " left join audit_checkpoint_leaf leaf on leaf.tree = c.tree and leaf.size = c.size"
            " where c.tree = %s and c.size = %s",
            [tree, size],
        )
        row = cursor.fetchone()
        if row is None or tree == SUPER_TREE:
            raise NoSuchCheckpoint
        *head, there = row
        if not there:
            _add(cursor, [Head(*head)])


def due(interval: timedelta) -> bool:
    """Whether the newest checkpoint of the tree is older than `interval`, or there is none."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(
            "select created_at from audit_checkpoint where tree = %s order by size desc limit 1", [SUPER_TREE]
        )
        row = cursor.fetchone()
    return row is None or row[0] <= now() - interval


def leaf_text(tree: str, size: int, root: bytes) -> bytes:
    """The leaf of a checkpoint: the very bytes that are signed for it."""
    return Checkpoint(origin(config().region, tree), size, root).text.encode()


def _add(cursor: CursorWrapper, found: list[Head]) -> None:
    if not found:
        return
    grown = treestore.last_range(cursor, SUPER_TREE)
    leaves = [leaf_hash(leaf_text(head.tree, head.size, bytes(head.root))) for head in found]
    cursor.execute(
        "insert into audit_checkpoint_leaf (created_at, number, tree, workspace_id, size, root, leaf_hash)"
        " select %s, * from unnest(%s::bigint[], %s::text[], %s::uuid[], %s::bigint[], %s::bytea[], %s::bytea[])",
        [
            now(),
            list(range(grown.size, grown.size + len(found))),
            [head.tree for head in found],
            [head.workspace for head in found],
            [head.size for head in found],
            [bytes(head.root) for head in found],
            leaves,
        ],
    )
    treestore.append(cursor, SUPER_TREE, None, grown, leaves)
