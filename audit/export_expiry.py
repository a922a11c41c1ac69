"""Exports whose time is over. How long they are kept is decided above this floor; here is what there is, and its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from audit.exports import object_key
from audit.models import Export
from cell.access import WorkspaceRef
from cell.objects import store
from cell.tenancy import workspace_scope


@dataclass(frozen=True, slots=True)
class DoneExport:
    id: UUID
    completed_at: datetime


def exports_due(workspace: WorkspaceRef, *, since: datetime | None, before: datetime, limit: int) -> list[DoneExport]:
    """Exports that were ready after `since` and before `before`, oldest first; all of the last one's moment, so that the next
    call can begin behind it, and otherwise at most `limit`.
    """
    with workspace_scope(workspace):
        ready = Export.objects.filter(workspace_id=workspace.id, state=Export.State.READY, completed_at__lt=before)
        if since is not None:
            ready = ready.filter(completed_at__gt=since)
        first = list(ready.order_by("completed_at").values_list("completed_at", flat=True)[:limit])
        if not first:
            return []
        rows = ready.filter(completed_at__lte=first[-1]).order_by("completed_at").values_list("id", "completed_at")
        return [DoneExport(number, completed_at) for number, completed_at in rows if completed_at is not None]


def export_remove(export: UUID) -> int:
    """Removes the file for good, in every version. Returns how many there were; none is no error."""
    return store().delete_all_versions(object_key(export))
