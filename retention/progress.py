"""How far a class of data has expired in a workspace, for classes whose items no row of the database says are gone."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from cell.access import WorkspaceRef
from cell.tenancy import workspace_scope
from retention.models import Progress

_ADVANCE = """
insert into retention_progress as known (workspace_id, organization_id, data_class, reached) values (%s, %s, %s, %s)
on conflict (workspace_id, data_class) do update set reached = greatest(known.reached, excluded.reached)
"""


def progress_of(workspace: WorkspaceRef, data_class: str) -> datetime | None:
    """Everything of the class that is no younger than this is gone; None if nothing went yet."""
    with workspace_scope(workspace):
        row = Progress.objects.filter(workspace_id=workspace.id, data_class=data_class).first()
    return None if row is None else row.reached


def advance(workspace: WorkspaceRef, data_class: str, reached: datetime) -> None:
    """Notes it, in the open transaction if there is one. Never back: a slow worker may come after a quick one."""
    with workspace_scope(workspace), connection.cursor() as cursor:
        cursor.execute(_ADVANCE, [workspace.id, workspace.organization, data_class, reached])
