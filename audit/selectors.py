"""Reading the log: a workspace's, or what one organization may see of the cell's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from django.db import connection
from django.db.models import QuerySet

from audit.entry import Kind
from audit.log import tree_of
from audit.models import AuditEntry
from audit.trees import Reader, entries_of, scope_of
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


def entry_list(reader: Reader, pager: Pager, *, kinds: Iterable[Kind] = tuple(Kind)) -> list[LoggedEntry]:
    """The reader's entries of `kinds`, newest first, as many as `pager` takes of them."""
    with scope_of(reader):
        rows = entries_of(reader).order_by("-id")
        kinds = tuple(kinds)
        if set(kinds) != set(Kind):
            rows = rows.filter(kind__in=kinds)
        return [LoggedEntry(row.id, row.seq, msgspec.json.decode(bytes(row.body))) for row in pager(rows)]


def entry_bodies(workspace: WorkspaceRef, first: int, end: int) -> list[bytes]:
    """The canonical bytes of the workspace's entries number `first` up to and without `end`, in order."""
    with workspace_scope(workspace):
        connection.ensure_connection()
        # psycopg's own cursor and the binary form: by Django's, every byte would travel as two hexadecimal digits.
        with psycopg.Cursor(connection.connection) as cursor:
            cursor.execute(
                "select body from audit_entry where tree = %s and seq >= %s and seq < %s order by seq",
                [tree_of(workspace), first, end],
                binary=True,
            )
            return [body for (body,) in cursor.fetchall()]
