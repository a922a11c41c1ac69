"""Asking for erasures, and reading how they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from audit import log
from audit.actions import Action
from audit.entry import Kind
from audit.selectors import entry_list
from cell import jobs
from cell.access import Actor, Scope, WorkspaceRef
from cell.ids import Tag, uuid7
from cell.problems import Problem, not_found
from cell.tenancy import workspace_scope
from retention import stores
from retention.contracts import ErasureInfo
from retention.erasure import KIND
from retention.models import Erasure, ErasureState
from retention.stores import Target

Pager = Callable[[QuerySet[Erasure]], Iterable[Erasure]]


def erasure_request(*, actor: Actor, workspace: WorkspaceRef, request: UUID) -> tuple[ErasureInfo, bool]:
    """Asks for the erasure of `request`. Returns it and whether it is new: asking again finds the first one.

    Raises Problem 404 if the workspace never had such a request: an unknown id is not success.
    """
    known = erasure_of(workspace, request)
    if known is not None:
        return known, False
    erasure = uuid7()
    if not _is_known(Target(workspace, request, erasure)):
        raise not_found()
    with workspace_scope(workspace):
        row, created = Erasure.objects.get_or_create(
            workspace_id=workspace.id,
            request_id=request,
            defaults={
                "id": erasure,
                "organization_id": workspace.organization,
                "state": ErasureState.RECEIVED,
                "requestor": actor.kind.value,
                "received_at": timezone.now(),
            },
        )
        if created:
            log.record(
                actor=actor,
                action=Action.ERASURE_REQUESTED,
                workspace=workspace,
                scope=Scope.ERASURES_WRITE,
                targets=[(Tag.ERASURE, row.id), (Tag.REQUEST, request)],
                after={"state": row.state},
            )
            jobs.enqueue(KIND, workspace=workspace, effect_key=f"erasure/{row.id}", args={"erasure": str(row.id)})
        return _info(row), created


def erasure_of(workspace: WorkspaceRef, request: UUID) -> ErasureInfo | None:
    """The erasure of `request`, if one was asked for."""
    with workspace_scope(workspace):
        row = Erasure.objects.filter(workspace_id=workspace.id, request_id=request).first()
    return None if row is None else _info(row)


def erasure_get(workspace: WorkspaceRef, erasure: UUID) -> ErasureInfo:
    """Raises Problem 404."""
    return _info(_row(workspace, erasure))


def erasure_list(workspace: WorkspaceRef, pager: Pager) -> list[ErasureInfo]:
    """The workspace's erasures, newest first, as many as `pager` takes of them."""
    with workspace_scope(workspace):
        rows = Erasure.objects.filter(workspace_id=workspace.id).order_by("-id")
        return [_info(row) for row in pager(rows)]


def certificate_download(*, actor: Actor, workspace: WorkspaceRef, erasure: UUID) -> str:
    """The signed certificate, as the file's text; that somebody took it is an entry.

    Raises Problem: 404, or 409 while there is none.
    """
    with workspace_scope(workspace):
        row = _row(workspace, erasure)
        if row.certificate is None:
            if row.state == ErasureState.PARTIAL:
                detail = "A store still holds something; the cell's operator has to look before this can be certified."
                raise Problem(409, "not-erased", detail)
            raise Problem(409, "not-ready", "The erasure is still running. Ask again in a few seconds.")
        log.record(
            actor=actor,
            action=Action.CERTIFICATE_DOWNLOADED,
            workspace=workspace,
            scope=Scope.ERASURES_READ,
            targets=[(Tag.ERASURE, row.id)],
        )
        return row.certificate


def _row(workspace: WorkspaceRef, erasure: UUID) -> Erasure:
    with workspace_scope(workspace):
        row = Erasure.objects.filter(workspace_id=workspace.id, pk=erasure).first()
    if row is None:
        raise not_found()
    return row


def _is_known(target: Target) -> bool:
    """Whether the request was ever admitted in the workspace, or any store holds something of it."""
    # The entry of an admitted request has the request's id, and outlives everything else of it.
    if entry_list(target.workspace, lambda rows: rows.filter(id=target.request), kinds=[Kind.INTENT]):
        return True
    return any(store.plan(target) for store in stores.registered())


def _info(row: Erasure) -> ErasureInfo:
    return ErasureInfo(
        id=row.id,
        request=row.request_id,
        state=row.state,
        manifest=row.manifest,
        received_at=row.received_at,
        fenced_at=row.fenced_at,
        erased_at=row.erased_at,
        certified=row.certificate is not None,
    )
