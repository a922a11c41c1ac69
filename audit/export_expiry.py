"""Files of exports whose time is over, of those made to be downloaded and of those that were delivered.

How long they are kept is decided above this floor; here is what there is, and its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from audit.deliveries import delivery_key
from audit.exports import object_key
from audit.models import Delivery, Export
from cell.access import WorkspaceRef
from cell.objects import store
from cell.tenancy import workspace_scope


@dataclass(frozen=True, slots=True)
class DoneFile:
    key: str
    """Of the object."""
    done_at: datetime
    """When the export was ready, or the delivery acknowledged: one that is still on its way is not done."""


def files_due(workspace: WorkspaceRef, *, since: datetime | None, before: datetime, limit: int) -> list[DoneFile]:
    """Files that were done after `since` and before `before`, oldest first: about `limit` of them.

    All of the last one's moment are among them, so that the next call can begin behind it.
    """
    with workspace_scope(workspace):
        ready = Export.objects.filter(workspace_id=workspace.id, state=Export.State.READY)
        sent = Delivery.objects.filter(workspace_id=workspace.id, state=Delivery.State.ACKNOWLEDGED)
        found = [
            *(DoneFile(object_key(number), at) for number, at in _done(ready, "completed_at", since, before, limit)),
            *(
                DoneFile(delivery_key(number), at)
                for number, at in _done(sent, "acknowledged_at", since, before, limit)
            ),
        ]
    found.sort(key=lambda file: file.done_at)
    last = found[:limit][-1:]
    return [file for file in found if last and file.done_at <= last[0].done_at]


def file_remove(key: str) -> int:
    """Removes the file for good, in every version. Returns how many there were; none is no error."""
    return store().delete_all_versions(key)


def _done(
    rows: QuerySet[Export] | QuerySet[Delivery], column: str, since: datetime | None, before: datetime, limit: int
) -> list[tuple[UUID, datetime]]:
    within = rows.filter(**{f"{column}__lt": before} | ({} if since is None else {f"{column}__gt": since}))
    first = list(within.order_by(column).values_list(column, flat=True)[:limit])
    return list(within.filter(**{f"{column}__lte": first[-1]}).values_list("id", column)) if first else []
