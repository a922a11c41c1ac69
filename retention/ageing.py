"""Erasures past their primary end: what still ran at the fence, the second statement, and what takes too long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.db import connection

from audit import log
from audit.actions import Action
from cell.access import WorkspaceRef, system_actor
from cell.config import config
from cell.keystore import custody
from cell.keystore.rewriting import last_rewrite
from cell.telemetry import get_logger
from cell.tenancy import workspace_scope
from retention.backups.catalogue import key_backups
from retention.certificate import Aged, certificate_of, final_statement_of, has_aged_out
from retention.clock import shared_now, surely_now
from retention.erasure import evidence_of, row_of, target_of, targets_of, unclean_of
from retention.fences import CLOCKS
from retention.models import Erasure, ErasureState, Tombstone
from retention.stores import keystore_auditor
from retention.terms import due_workspaces, workspace_here

AIM_S = 300.0
"""How soon an erasure is to be done; at half of it, one that is not is said to be late."""
_LATE_BATCH = 500

logger = get_logger(__name__)


def destroy_late_keys() -> int:
    """Destroys the data keys of requests that still ran when their subject was fenced. Their payloads were refused, so these
    keys open nothing. Returns how many requests there were.
    """
    done = 0
    late_of = "select workspace_id, organization_id, environment from retention_late_requests()"
    for workspace in due_workspaces(late_of, []):
        with workspace_scope(workspace):
            late = Tombstone.objects.filter(workspace_id=workspace.id, late=True)
            requests = list(late.values_list("request_id", flat=True)[:_LATE_BATCH])
            custody.erase_data_keys(workspace.id, requests)
            done += late.filter(request_id__in=requests).update(late=False)
    return done


def age_erasures() -> int:
    """Takes erasures whose last backup has aged out to their second certificate. Returns how many got it."""
    return sum(_age(workspace, erasure) for workspace, erasure in _aged())


def _age(workspace: WorkspaceRef, erasure: UUID) -> int:
    row = row_of(workspace, erasure)
    if row.final_statement is None:
        if not _state_finally(workspace, row):
            return 0
        row = row_of(workspace, erasure)
    certificate = certificate_of(row.final_statement, row.final_entry_id, workspace)
    if certificate is None:
        return 0  # another sealer is at work: the next run finds it sealed
    with workspace_scope(workspace):
        return Erasure.objects.filter(pk=row.id, final_certificate__isnull=True).update(final_certificate=certificate)


def _state_finally(workspace: WorkspaceRef, row: Erasure) -> bool:
    """Looks into every store once more, and commits the statement with its entry. False if a store is not clean any more, if the
    catalogue of backups still lists a copy of the key store from before the erasure, or if its tables were not written anew since.
    """
    at = surely_now()
    if not has_aged_out(row, at):
        return False  # the clocks do not agree that its time is over
    backups = key_backups()
    if backups.oldest is not None and row.erased_at is not None and backups.oldest <= row.erased_at + CLOCKS:
        logger.error("erasure.backup_outlives_horizon", erasure=str(row.id), backup_begun=backups.oldest.isoformat())
        return False
    target = target_of(workspace, row)
    rewritten = last_rewrite(keystore_auditor())
    if rewritten is None or row.erased_at is None or rewritten <= row.erased_at + CLOCKS:
        logger.warning("erasure.waits_for_rewrite", erasure=str(row.id))
        return False
    evidence = evidence_of(row, target)
    if unclean := unclean_of(evidence):
        logger.error("erasure.came_back", erasure=str(row.id), stores=unclean)
        return False
    statement = final_statement_of(row, target, evidence, at, Aged(backups, rewritten))
    with workspace_scope(workspace):
        entry = log.record(
            actor=system_actor("job", workspace.organization),
            action=Action.ERASURE_BEYOND_RECOVERY,
            workspace=workspace,
            targets=targets_of(row),
            before={"state": row.state},
            after={
                "state": ErasureState.BEYOND_RECOVERY.value,
                "statement_sha256": statement.sha256,
                "stores": sorted(evidence),
            },
        )
        changed = Erasure.objects.filter(pk=row.id, state=row.state, version=row.version).update(
            version=row.version + 1,
            state=ErasureState.BEYOND_RECOVERY,
            final_statement=statement.body,
            final_entry_id=entry,
        )
        if changed != 1:
            raise RuntimeError("two jobs made the second statement of one erasure at once")
    return True


def watch_erasures() -> int:
    """Says in the log which erasures take longer than half of what was aimed at. Returns how many do."""
    now = shared_now()
    with connection.cursor() as cursor:
        cursor.execute("select erasure_id, state, received_at from retention_open_erasures()")
        rows = cursor.fetchall()
    late = 0
    for erasure, state, received_at in rows:
        age = (now - received_at) / timedelta(seconds=1)
        if age > AIM_S / 2:
            late += 1
            logger.warning("erasure.late", erasure=str(erasure), state=state, age_s=round(age))
    return late


def _aged() -> Iterator[tuple[WorkspaceRef, UUID]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select workspace_id, organization_id, environment, erasure_id from retention_aged_erasures(%s)",
            [config().keys.horizon_days],
        )
        rows = cursor.fetchall()
    for *tenant, erasure in rows:
        yield workspace_here(*tenant), erasure
