"""Sealing: gives entries their dense numbers, hashes them into the tree and signs a checkpoint, all in one transaction.

One sealer a tree at a time, under an advisory lock. Killed at any line it leaves nothing behind: the numbers, the hashes and the
checkpoint that vouches for them commit together or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from time import monotonic

from django.db import connections, transaction

from audit import treestore
from audit.treestore import ALIAS

BATCH = 5_000
"""Most entries in one transaction: what a killed sealer has to do again."""

# The hash is computed where the bytes are, so that they need not travel; a trigger computes it again.
_NUMBER = """
    with batch as (
        select id, row_number() over (order by occurred_at, id) - 1 as place
        from (select id, occurred_at from audit_entry where tree = %(tree)s and seq is null order by id limit %(limit)s) waiting
    )
    update audit_entry e set seq = %(size)s + batch.place, leaf_hash = sha256('\\x00'::bytea || e.body)
    from batch where e.id = batch.id
    returning e.seq, e.leaf_hash, e.workspace_id
"""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one pass did."""

    trees: int
    entries: int


def seal_all(budget_s: float = 30.0) -> Sealed:
    """Seals every tree that has unsealed entries, until there are none or `budget_s` is used up."""
    deadline = monotonic() + budget_s
    trees = entries = 0
    for tree in unsealed_trees():
        sealed = seal_tree(tree, deadline=deadline)
        trees += sealed > 0
        entries += sealed
        if monotonic() > deadline:
            break
    return Sealed(trees, entries)


def unsealed_trees() -> list[str]:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("select tree from audit_entry where seq is null group by tree order by min(occurred_at)")
        return [tree for (tree,) in cursor.fetchall()]


def seal_tree(tree: str, *, deadline: float | None = None) -> int:
    """Seals what is committed in `tree` now; returns how many entries that were. 0 also if another sealer is at it."""
    total = 0
    while True:
        sealed = _seal_batch(tree)
        total += sealed
        if sealed < BATCH or (deadline is not None and monotonic() > deadline):
            return total


def _seal_batch(tree: str) -> int:
    with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
        if not treestore.lock(cursor, tree):
            return 0
        sealed = treestore.last_range(cursor, tree)
        cursor.execute(_NUMBER, {"tree": tree, "limit": BATCH, "size": sealed.size})
        rows = sorted(cursor.fetchall(), key=itemgetter(0))
        if rows:
            treestore.append(cursor, tree, rows[0][2], sealed, (bytes(leaf) for _, leaf, _ in rows))
        return len(rows)
