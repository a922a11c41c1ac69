"""Fences: from which moment nothing of what is being erased can be stored any more, whoever still writes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from audit.entry import timestamp
from cell.config import config
from cell.ids import Tag, earliest, tagged
from retention import stores
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


def erect(target: Target, fenced_at: datetime) -> None:
    """Writes it in the database, in the transaction that is open, once writers that saw no fence are done: the sweep then finds
    what they wrote.
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
    for first in range(0, len(buried := _to_bury(target)), _BATCH):
        Tombstone.objects.bulk_create(
            [
                Tombstone(request_id=request, erasure_id=target.erasure, fenced_at=fenced_at, **_tenant(target))
                for request in buried[first : first + _BATCH]
            ],
            ignore_conflicts=True,
        )


def _to_bury(target: Target) -> list[UUID]:
    """The requests that get a tombstone each: with it, nothing of them is stored, whatever it says of its subject."""
    if target.scope is not ErasureScope.SUBJECT or target.subject is None:
        return list(target.requests)
    # Again, now that no other can come.
    return list(stores.requests_of(target.workspace, target.subject))


def _tenant(target: Target) -> dict[str, UUID]:
    return {"workspace_id": target.workspace.id, "organization_id": target.workspace.organization}


def _before(fenced_at: datetime) -> UUID:
    return earliest((fenced_at + CLOCKS).timestamp())
