"""Entries of what was done to keys. They are in another database than the log, so no transaction spans both.

The key store's triggers write each operation down in the transaction that does it; from there it gets into the log, under an
id that it has already. Cut off between the two it is told again, and the log refuses it as known.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import IntegrityError, transaction

from audit import log
from audit.actions import Action
from audit.selectors import entry_list
from cell.access import WorkspaceRef, system_actor
from cell.config import config
from cell.ids import Tag
from cell.keystore.operations import KeyOperation, operations_told, operations_waiting
from cell.telemetry import get_logger
from cell.tenancy import workspace_scope

CHUNK = 500
"""Operations that are taken from the key store at once."""

logger = get_logger(__name__)


def record_key_operations() -> int:
    """Puts every waiting operation on the record. Returns how many there were."""
    told = 0
    while waiting := operations_waiting(CHUNK):
        for operation in waiting:
            _record(operation)
        operations_told([operation.id for operation in waiting])
        told += len(waiting)
    if told:
        logger.info("keys.operations.recorded", count=told)
    return told


def _record(operation: KeyOperation) -> None:
    workspace = None
    if operation.organization is not None:
        workspace = WorkspaceRef(operation.workspace, operation.organization, config().region)
    own = operation.organization == operation.workspace  # a key of the organization itself, of none of its workspaces
    if own:
        workspace = None
    try:
        with _transaction(workspace):
            log.record(
                actor=system_actor("keystore", operation.organization),
                action=Action(operation.name),
                workspace=workspace,
                organization=operation.organization,
                targets=[(Tag.ORGANIZATION if own else Tag.WORKSPACE, operation.workspace)],
                after=_shown(operation),
                number=operation.id,
                at=operation.done_at,
            )
    except IntegrityError:
        if not _is_known(operation.id, workspace):
            raise


@contextmanager
def _transaction(workspace: WorkspaceRef | None) -> Iterator[None]:
    if workspace is None:  # a key whose organization the store was never told: its entry is the cell's own
        with transaction.atomic():
            yield
    else:
        with workspace_scope(workspace):
            yield


def _is_known(entry: UUID, workspace: WorkspaceRef | None) -> bool:
    """Whether the refused entry is in the log already. The cell's own cannot be read here: a number is not given twice."""
    return workspace is None or bool(entry_list(workspace, lambda rows: rows.filter(id=entry)))


def _shown(operation: KeyOperation) -> dict[str, object]:
    return {
        "version": operation.version,
        "day": None if operation.day is None else operation.day.isoformat(),
        "root": operation.root,
        "own": operation.own,
    }
