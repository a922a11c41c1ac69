"""Deliveries of a schedule: which there are, and taking one home, with everything that checks it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

from django.db.models import QuerySet

from audit.actions import Action
from audit.exports import file_taken
from audit.models import Delivery
from cell.access import Actor, WorkspaceRef
from cell.ids import Tag
from cell.problems import not_found
from cell.tenancy import workspace_scope

Pager = Callable[[QuerySet[Delivery]], Iterable[Delivery]]


@dataclass(frozen=True, slots=True)
class DeliveryInfo:
    id: UUID
    state: str
    """`prepared`, `sent` (tried, and not acknowledged as a whole), `acknowledged`."""
    first: int
    end: int
    """Entries `first` up to and without `end`."""
    manifest_sha256: str
    size_bytes: int
    sent_lines: int
    attempts: int
    evidence: str
    """What the acknowledgement says: `taken`, `accepted`, `indexed`, `read-back`; empty before."""
    prepared_at: datetime
    acknowledged_at: datetime | None


def delivery_list(workspace: WorkspaceRef, schedule: UUID, pager: Pager) -> list[DeliveryInfo]:
    """The schedule's deliveries, newest first, as many as `pager` takes of them; none of a schedule that is not there."""
    with workspace_scope(workspace):
        rows = Delivery.objects.filter(workspace_id=workspace.id, schedule_id=schedule)
        return [_info(row) for row in pager(rows.order_by("-id"))]


def delivery_download(*, actor: Actor, workspace: WorkspaceRef, schedule: UUID, delivery: UUID) -> BinaryIO:
    """The delivery as an export, which the caller closes; that somebody took it is an entry.

    Raises Problem: 404, 410 when its time is over, or 503 while the object store is away.
    """
    with workspace_scope(workspace):
        row = Delivery.objects.filter(workspace_id=workspace.id, schedule_id=schedule, pk=delivery).first()
    if row is None:
        raise not_found()
    return file_taken(
        delivery_key(row.id),
        actor=actor,
        workspace=workspace,
        action=Action.DELIVERY_DOWNLOADED,
        target=(Tag.DELIVERY, row.id),
        manifest_sha256=bytes(row.manifest_sha256),
    )


def delivery_key(delivery: UUID) -> str:
    return f"deliveries/{delivery.hex}.tar"


def _info(row: Delivery) -> DeliveryInfo:
    return DeliveryInfo(
        id=row.id,
        state=str(row.state),
        first=row.first,
        end=row.end,
        manifest_sha256=bytes(row.manifest_sha256).hex(),
        size_bytes=row.size_bytes,
        sent_lines=row.sent_lines,
        attempts=row.attempts,
        evidence=row.evidence,
        prepared_at=row.prepared_at,
        acknowledged_at=row.acknowledged_at,
    )
