"""Expiry: payloads whose time is over are destroyed, keys first, so that no copy of a row outlives its time readable."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone

from audit import log
from audit.actions import Action
from cell.access import Environment, WorkspaceRef, system_actor
from cell.config import config
from cell.keystore import custody
from cell.telemetry import get_logger
from cell.tenancy import workspace_scope
from retention.holds import held_requests
from retention.models import PAYLOAD_DAYS, SHORTEST_DAYS, Payload
from retention.policies import retention_policy

CHUNK = 500
"""Payloads in one transaction: small enough not to be in anybody's way."""
BUDGET_S = 45.0
"""What is left after this is done by the next run."""

logger = get_logger(__name__)


def expire_payloads(budget_s: float = BUDGET_S) -> int:
    """Destroys every payload older than its workspace's policy says now. Returns how many rows went."""
    deadline = time.monotonic() + budget_s
    removed = 0
    for workspace in _due_workspaces():
        while time.monotonic() < deadline and (chunk := expire_chunk(workspace)):
            removed += chunk
    expire_epochs()
    return removed


def expire_chunk(workspace: WorkspaceRef, limit: int = CHUNK) -> int:
    """Destroys up to `limit` payloads whose time is over. Returns how many rows went; 0 if none is due.

    The keys go first, and in another database: a crash in between leaves rows that nobody can read and that are due still.
    """
    held = held_requests(workspace)
    if held is None:
        return 0
    with workspace_scope(workspace):
        days = retention_policy(workspace).payload_days
        due = list(
            Payload.objects.filter(workspace_id=workspace.id, stored_at__lt=timezone.now() - timedelta(days=days))
            .exclude(id__in=held)
            .order_by("stored_at")
            .values_list("id", flat=True)[:limit]
        )
        if not due:
            return 0
        keys = custody.expire_data_keys(workspace.id, due)
        removed, _ = Payload.objects.filter(workspace_id=workspace.id, id__in=due).delete()
        if removed:
            log.record(
                actor=system_actor("job", workspace.organization),
                action=Action.PAYLOADS_EXPIRED,
                workspace=workspace,
                after={"removed": removed, "keys_destroyed": keys, "payload_days": days},
            )
    logger.info("payloads.expired", workspace=str(workspace.id), rows=removed, days=days)
    return removed


def expire_epochs() -> int:
    """Destroys the epoch keys of days on which every payload's time is over. Returns how many."""
    destroyed = 0
    today = timezone.now().date()
    for workspace, oldest in custody.epochs_before(today - timedelta(days=SHORTEST_DAYS)):
        # One day of margin: a payload may be stored a moment after midnight under a key of the day before.
        before = today - timedelta(days=_days_of(workspace) + 1)
        if oldest < before and not _has_holds(workspace):
            destroyed += custody.destroy_epochs(workspace, before)
    return destroyed


def _has_holds(workspace: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select retention_has_holds(%s)", [workspace])
        row = cursor.fetchone()
    return row is None or bool(row[0])


def _days_of(workspace: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select payload_days from retention_policy_of(%s)", [workspace])
        row = cursor.fetchone()
    return PAYLOAD_DAYS if row is None else int(row[0])


def _due_workspaces() -> list[WorkspaceRef]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select workspace_id, organization_id, environment from retention_due_workspaces(%s)", [PAYLOAD_DAYS]
        )
        rows = cursor.fetchall()
    return [
        WorkspaceRef(workspace, organization, config().region, Environment(environment))
        for workspace, organization, environment in rows
    ]
