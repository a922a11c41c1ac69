"""Growing a stored tree: its range, the hashes that it completes and the signed checkpoint, in the caller's transaction.

For the sealer's role, and under the tree's lock: two that grow one tree at once would sign two histories.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from audit.checkpoint import Checkpoint, origin
from audit.entry import now
from audit.merkle import STORED_HEIGHT, Node, Range
from audit.signing import signers
from cell.config import config
from cell.notes import sign

ALIAS = "sealer"
"""The database role that grows trees."""


def lock(cursor: CursorWrapper, tree: str, *, wait: bool = False) -> bool:
    """Makes this transaction the only one that grows `tree`; False if another is at it and `wait` is not set."""
    if wait:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"audit/{tree}"])
        return True
    cursor.execute("select pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"audit/{tree}"])
    return bool(cursor.fetchone() == (True,))


def last_range(cursor: CursorWrapper, tree: str) -> Range:
    """`tree` as its newest checkpoint left it; the empty one if there is none."""
    cursor.execute("select size, range from audit_checkpoint where tree = %s order by size desc limit 1", [tree])
    row = cursor.fetchone()
    return Range() if row is None else Range.from_bytes(row[0], bytes(row[1]))


def append(cursor: CursorWrapper, tree: str, workspace: UUID | None, grown: Range, leaves: Iterable[bytes]) -> None:
    """Adds leaf hashes to `grown`, which is the last range of `tree`, and signs the checkpoint of what that gives."""
    nodes: list[tuple[Node, bytes]] = []
    grown.extend(leaves, lambda node, value: nodes.append((node, value)))
    if nodes:
        cursor.execute(
            "insert into audit_node (tree, workspace_id, level, position, hash)"
            " select %s, %s, * from unnest(%s::smallint[], %s::bigint[], %s::bytea[])",
            [
                tree,
                workspace,
                [height // STORED_HEIGHT for (height, _), _ in nodes],
                [position for (_, position), _ in nodes],
                [value for _, value in nodes],
            ],
        )
    root = grown.root()
    note = sign(Checkpoint(origin(config().region, tree), grown.size, root).text, signers())
    cursor.execute(
        "insert into audit_checkpoint (tree, workspace_id, size, root, range, note, created_at)"
        " values (%s, %s, %s, %s, %s, %s, %s)",
        [tree, workspace, grown.size, root, bytes(grown), note, now()],
    )
