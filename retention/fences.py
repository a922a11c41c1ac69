"""Fences: from which moment nothing of what is being erased can be stored any more, whoever still writes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from audit.entry import timestamp
from cell.access import WorkspaceRef
from cell.config import config
from cell.ids import Tag, earliest, tagged
from retention.ledger import Ledger
from retention.models import ErasureScope, Fence, Tombstone
from retention.stores import Target

CLOCKS: Final = timedelta(seconds=5)
"""How far the clocks of two machines of a cell may be apart: what a subject asks for in so short a time is erased with the rest."""
_BATCH: Final = 1000


def announce(ledger: Ledger, target: Target, fenced_at: datetime) -> None:
    """Writes the tombstone outside of the database. Raises LedgerBroken, or OSError if it cannot be written."""
    cell = config().cell
    single = target.scope is ErasureScope.REQUEST
    ledger.append(
        erasure=tagged(Tag.ERASURE, cell, target.erasure),
        workspace=tagged(Tag.WORKSPACE, cell, target.workspace.id),
        request=tagged(Tag.REQUEST, cell, target.requests[0]) if single else None,
        fenced_at=timestamp(fenced_at),
        scope=target.scope.value,
        subject=None if target.subject is None else target.subject.hex(),
        before=None if single else _before(fenced_at).hex,
    )


def lock(target: Target) -> None:
    """Waits, in the transaction that is open, until writers that saw no fence are done, and keeps others out until it ends: the
    sweep then finds what the first wrote, and the others see the fence.
    """
    with connection.cursor() as cursor:
        match target.scope:
            case ErasureScope.REQUEST:
                cursor.execute("select pg_advisory_xact_lock(retention_lock_of(%s))", [target.requests[0]])
            case ErasureScope.SUBJECT:
                values = [target.workspace.id, target.subject]
                cursor.execute("select pg_advisory_xact_lock(retention_subject_lock_of(%s, %s))", values)
            case ErasureScope.WORKSPACE:
                cursor.execute("select pg_advisory_xact_lock(retention_lock_of(%s))", [target.workspace.id])


def erect(target: Target, fenced_at: datetime) -> None:
    """Writes it in the database, in the transaction that holds the `lock`; `target` was read since. Each of its requests gets a
    tombstone: with it, nothing of them is stored, whatever it says of its subject.
    """
    if target.scope is not ErasureScope.REQUEST:
        Fence.objects.get_or_create(
            erasure_id=target.erasure,
            defaults={
                **_tenant(target),
                "subject": target.subject,
                "before": _before(fenced_at),
                "fenced_at": fenced_at,
            },
        )
    for first in range(0, len(target.requests), _BATCH):
        buried = target.requests[first : first + _BATCH]
        Tombstone.objects.bulk_create(
            [
                Tombstone(request_id=request, erasure_id=target.erasure, fenced_at=fenced_at, **_tenant(target))
                for request in buried
            ],
            ignore_conflicts=True,
        )
        if target.scope is ErasureScope.SUBJECT:
            # Of those that are being erased one by one, too, this erasure has to see that they are gone.
            stones = Tombstone.objects.filter(workspace_id=target.workspace.id, request_id__in=buried)
            stones.exclude(erasure_id=target.erasure).update(erasure_id=target.erasure)


def is_fenced(workspace: WorkspaceRef, request: UUID | None) -> bool:
    """Whether what is stored of `request`, or of the workspace, is erased or is going to be. In the workspace's scope."""
    if request is not None and Tombstone.objects.filter(workspace_id=workspace.id, request_id=request).exists():
        return True
    return Fence.objects.filter(workspace_id=workspace.id, subject__isnull=True).exists()


def _tenant(target: Target) -> dict[str, UUID]:
    return {"workspace_id": target.workspace.id, "organization_id": target.workspace.organization}


def _before(fenced_at: datetime) -> UUID:
    return earliest((fenced_at + CLOCKS).timestamp())
