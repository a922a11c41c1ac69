"""Exports of a workspace's log: asking for one, reading how they stand, taking one home."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO
from uuid import UUID

from django.db.models import QuerySet

from audit.actions import Action
from audit.entry import now
from audit.formats import Format
from audit.log import record
from audit.models import Export
from cell import jobs
from cell.access import Actor, Scope, WorkspaceRef
from cell.ids import Tag, uuid7
from cell.objects import ObjectNotFound, StoreAway, StoreRefused, store
from cell.problems import Problem, not_found
from cell.tenancy import workspace_scope

KIND = "audit.export"

Pager = Callable[[QuerySet[Export]], Iterable[Export]]


@dataclass(frozen=True, slots=True)
class ExportInfo:
    id: UUID
    state: str
    """`requested`, `ready`, or `failed` when the database no longer holds what was signed."""
    requested_at: datetime
    completed_at: datetime | None
    first: int | None
    end: int | None
    """Entries `first` up to and without `end`; None until it is ready."""
    manifest_sha256: str | None
    size_bytes: int | None


def export_create(*, actor: Actor, workspace: WorkspaceRef, formats: Iterable[Format] = ()) -> ExportInfo:
    """Asks for an export of what was logged since the last one, this request included. A job makes it.

    It has the entries themselves, and beside them the same in each of `formats`.
    """
    chosen = [name.value for name in sorted(set(formats))]
    with workspace_scope(workspace):
        row = Export.objects.create(
            id=uuid7(), workspace_id=workspace.id, organization_id=workspace.organization, requested_at=now()
        )
        record(
            actor=actor,
            action=Action.EXPORT_REQUESTED,
            workspace=workspace,
            scope=Scope.AUDIT_EXPORT,
            targets=[(Tag.EXPORT, row.id)],
            after={"state": row.state} | ({"formats": chosen} if chosen else {}),
        )
        args = {"export": str(row.id), "formats": " ".join(chosen)}
        jobs.enqueue(KIND, workspace=workspace, effect_key=f"export/{row.id}", args=args)
        return _info(row)


def export_get(workspace: WorkspaceRef, export: UUID) -> ExportInfo:
    """Raises Problem 404."""
    with workspace_scope(workspace):
        return _info(_row(workspace, export))


def export_list(workspace: WorkspaceRef, pager: Pager) -> list[ExportInfo]:
    """The workspace's exports, newest first, as many as `pager` takes of them."""
    with workspace_scope(workspace):
        return [_info(row) for row in pager(Export.objects.filter(workspace_id=workspace.id).order_by("-id"))]


def export_download(*, actor: Actor, workspace: WorkspaceRef, export: UUID) -> BinaryIO:
    """The export as a tar file, which the caller closes; that somebody took it is an entry.

    Raises Problem: 404, 409 while it is not ready, 410 when its time is over, or 503 while the object store is away.
    """
    with workspace_scope(workspace):
        row = _row(workspace, export)
        if row.state == Export.State.FAILED:
            raise Problem(409, "log-damaged", "The database no longer holds what was signed. Tell the cell's operator.")
        if row.state != Export.State.READY:
            raise Problem(409, "not-ready", "The export is still being made. Ask again in a few seconds.")
    return file_taken(
        object_key(row.id),
        actor=actor,
        workspace=workspace,
        action=Action.EXPORT_DOWNLOADED,
        target=(Tag.EXPORT, row.id),
        manifest_sha256=bytes(row.manifest_sha256 or b""),
    )


def object_key(export: UUID) -> str:
    return f"exports/{export.hex}.tar"


def file_taken(
    key: str, *, actor: Actor, workspace: WorkspaceRef, action: Action, target: tuple[Tag, UUID], manifest_sha256: bytes
) -> BinaryIO:
    """The file of an export or a delivery, given out with an entry that says so; outside of every transaction.

    Raises Problem: 410 when its time is over, 503 while the object store is away.
    """
    # Before the transaction: the object store may be slow, and a database connection is not to wait for it.
    content = _opened(key)
    try:
        with workspace_scope(workspace):
            record(
                actor=actor,
                action=action,
                workspace=workspace,
                scope=Scope.AUDIT_EXPORT,
                targets=[target],
                after={"manifest_sha256": manifest_sha256.hex()},
            )
    except BaseException:
        # Whatever it was: nobody gets the file without the entry.
        content.close()
        raise
    return content


def _opened(key: str) -> BinaryIO:
    try:
        return store().open(key)
    except ObjectNotFound:
        detail = "The export's time is over: the workspace's retention policy says when."
        raise Problem(410, "expired", detail) from None
    except (StoreAway, StoreRefused) as error:
        raise Problem(503, "store-away", "The object store does not answer now. Ask again in a minute.") from error


def _row(workspace: WorkspaceRef, export: UUID) -> Export:
    row = Export.objects.filter(workspace_id=workspace.id, pk=export).first()
    if row is None:
        raise not_found()
    return row


def _info(row: Export) -> ExportInfo:
    return ExportInfo(
        id=row.id,
        state=row.state,
        requested_at=row.requested_at,
        completed_at=row.completed_at,
        first=row.first,
        end=row.end,
        manifest_sha256=None if row.manifest_sha256 is None else bytes(row.manifest_sha256).hex(),
        size_bytes=row.size_bytes,
    )
