"""Reading the log of one workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from audit.entry import Kind
from audit.models import AuditEntry
from cell.access import WorkspaceRef
from cell.tenancy import workspace_scope

Pager = Callable[[QuerySet[AuditEntry]], Iterable[AuditEntry]]


@dataclass(frozen=True, slots=True)
class LoggedEntry:
    id: UUID
    seq: int | None
    """Its place in the log; None for about a second, until it is sealed."""
    document: dict[str, Any]
    """The entry as docs/formats/entry.md describes it."""


def entry_list(workspace: WorkspaceRef, pager: Pager, *, kinds: Iterable[Kind] = tuple(Kind)) -> list[LoggedEntry]:
    """The workspace's entries of `kinds`, newest first, as many as `pager` takes of them."""
    with workspace_scope(workspace):
        rows = AuditEntry.objects.filter(workspace_id=workspace.id).order_by("-id")
        kinds = tuple(kinds)
        if set(kinds) != set(Kind):
            rows = rows.filter(kind__in=kinds)
        return [LoggedEntry(row.id, row.seq, msgspec.json.decode(bytes(row.body))) for row in pager(rows)]
