"""Entries that say nothing happened: a tree that is idle grows all the same, so that silence means something was lost.

Whoever holds two checkpoints, or an export, and finds a tree silent for longer than the interval that its last heartbeat names
knows that entries were withheld or that the cell stood still.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import connections, transaction

from audit import heads, treestore
from audit.actions import Action
from audit.entry import CELL_TREE, now
from audit.heads import Head
from audit.log import record
from audit.models import AuditEntry
from audit.trees import SUPER_TREE
from audit.treestore import ALIAS
from cell.access import WorkspaceRef, system_actor
from cell.config import config

BATCH = 500
"""Most trees in one transaction."""


def beat(interval: timedelta | None = None) -> int:
    """Adds an entry to every tree that had none for `interval` (None: the configured one); returns how many those were."""
    if interval is None:
        interval = timedelta(seconds=config().audit_heartbeat_s)
    total = 0
    while True:
        # The lock outlives the entries' commit: a second worker finds them waiting to be sealed, and no tree idle.
        with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
            if not treestore.lock(cursor, "heartbeat"):
                return total
            found = heads.idle(cursor, since=now() - interval, apart_from=SUPER_TREE, limit=BATCH)
            workspaces = _workspaces(found)
            with transaction.atomic():
                for workspace in workspaces:
                    record(
                        actor=system_actor("job", None if workspace is None else workspace.organization),
                        action=Action.HEARTBEAT,
                        workspace=workspace,
                        after={"interval_s": int(interval.total_seconds())},
                    )
        total += len(workspaces)
        if len(found) < BATCH or not workspaces:
            return total


def _workspaces(found: list[Head]) -> list[WorkspaceRef | None]:
    """Whose each tree is, as its last entry says: the log stands below those who know more. None for the cell's."""
    last = {head.tree: head.size - 1 for head in found if head.workspace is not None}
    rows = AuditEntry.objects.using(ALIAS).raw(
        "select entry.* from unnest(%s::text[], %s::bigint[]) as wanted (tree, seq)"
        " join audit_entry entry on entry.tree = wanted.tree and entry.seq = wanted.seq",
        [list(last), list(last.values())],
    )
    cell = [None for head in found if head.tree == CELL_TREE]
    return cell + [
        WorkspaceRef(row.workspace_id, row.organization_id, config().region)
        for row in rows
        if row.workspace_id is not None and row.organization_id is not None
    ]
