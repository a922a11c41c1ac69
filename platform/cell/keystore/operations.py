"""What was done to keys, until the audit log has it: the triggers of the key store write it down, `retention` takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from cell.keystore.models import Operation


@dataclass(frozen=True, slots=True)
class KeyOperation:
    id: UUID
    """That of the entry which will tell of it."""
    workspace: UUID
    organization: UUID | None
    name: str
    version: int
    day: date | None
    root: str | None
    own: bool
    done_at: datetime


def operations_waiting(limit: int) -> list[KeyOperation]:
    """The oldest operations that the audit log does not have yet."""
    return [
        KeyOperation(
            row.id,
            row.workspace_id,
            row.organization_id,
            row.name,
            row.version,
            row.day,
            row.root,
            row.own,
            row.done_at,
        )
        for row in Operation.objects.order_by("done_at", "id")[:limit]
    ]


def operations_told(ids: Sequence[UUID]) -> None:
    """Forgets operations whose entries are committed."""
    Operation.objects.filter(pk__in=ids).delete()
