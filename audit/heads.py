"""The newest checkpoint of every tree, found by skipping from tree to tree: checkpoints are many, trees are few."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.backends.utils import CursorWrapper


class Head(NamedTuple):
    """A tree's newest checkpoint."""

    tree: str
    workspace: UUID | None
    size: int
    root: bytes
    created_at: datetime


# Two index probes a tree. `distinct on` would read every checkpoint there ever was.
_HEADS = """
    with recursive trees as (
        (select tree from audit_checkpoint order by tree limit 1)
        union all
        select (select next.tree from audit_checkpoint next where next.tree > trees.tree order by next.tree limit 1)
        from trees where trees.tree is not null
    )
    select head.tree, head.workspace_id, head.size, head.root, head.created_at
    from trees cross join lateral (
        select * from audit_checkpoint newest where newest.tree = trees.tree order by newest.size desc limit 1
    ) head
    where {condition}
    order by head.tree limit %(limit)s
"""


def unlisted(cursor: CursorWrapper, *, apart_from: str, limit: int) -> list[Head]:
    """Heads that are no leaf of the tree of checkpoints yet, but that tree's own (`apart_from`), by name of their tree."""
    condition = (
        "head.tree <> %(apart_from)s and not exists ("
        "select from audit_checkpoint_leaf leaf where leaf.tree = head.tree and leaf.size = head.size)"
    )
    return _heads(cursor, condition, {"apart_from": apart_from, "limit": limit})


def idle(cursor: CursorWrapper, *, since: datetime, apart_from: str, limit: int) -> list[Head]:
    """Heads from before `since` of trees in which nothing waits to be sealed, but that of `apart_from`."""
    condition = (
        "head.tree <> %(apart_from)s and head.created_at < %(since)s and not exists ("
        "select from audit_entry entry where entry.tree = head.tree and entry.seq is null)"
    )
    return _heads(cursor, condition, {"apart_from": apart_from, "since": since, "limit": limit})


def _heads(cursor: CursorWrapper, condition: str, values: dict[str, str | int | datetime]) -> list[Head]:
    cursor.execute(_HEADS.format(condition=condition), values)
    return [Head(tree, workspace, size, bytes(root), at) for tree, workspace, size, root, at in cursor.fetchall()]
