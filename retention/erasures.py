"""Asking for erasures, and reading how they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from audit import log
from audit.actions import Action
from audit.entry import Kind
from audit.selectors import entry_list
from cell import jobs
from cell.access import Actor, Scope, WorkspaceRef
from cell.ids import Tag, uuid7
from cell.problems import Problem, not_found
from cell.pseudonyms import subject_key, subject_pseudonym
from cell.tenancy import workspace_scope
from retention import stores
from retention.clock import shared_now
from retention.contracts import ErasureInfo
from retention.erasure import KIND, plan_of, targets_of
from retention.models import Erasure, ErasureScope, ErasureState
from retention.stores import Target

DEADLINE: Final = timedelta(days=30)
"""GDPR 12(3): one month, counted short."""

Pager = Callable[[QuerySet[Erasure]], Iterable[Erasure]]


def erasure_request(
    *,
    actor: Actor,
    workspace: WorkspaceRef,
    request: UUID | None = None,
    subject: str | None = None,
    whole: bool = False,
) -> tuple[ErasureInfo, bool]:
    """Asks for the erasure of a request, of a subject as the application names it (`user`, `safety_identifier`), or of the whole
    workspace. Returns it and whether it is new: asking again finds the first one, of a subject the one that still runs. One that
    ended as `partial` goes on: whoever asks again says that what stood in its way is mended.

    Raises Problem: 404 if the workspace never had such a request, or none about such a subject: an unknown id is not success;
    400 unless exactly one is named; 403 for the workspace without `erasures:write` in the whole organization.
    """
    target = _asked(workspace, request, subject, whole=whole)
    if target.whole and not actor.may(Scope.ERASURES_WRITE):
        raise Problem(
            403, "forbidden", "Only someone with erasures:write in the whole organization may erase a workspace."
        )
    with workspace_scope(workspace):
        known = _known(target)
        if known is not None:
            return _info(_resume(actor, known, workspace)), False
    if not _is_there(target):
        raise not_found()
    with workspace_scope(workspace):
        row, created = _get_or_create(actor, target)
        if created:
            _start(actor, row, workspace, {"state": row.state, "scope": row.scope}, f"erasure/{row.id}")
        return _info(row), created


def _start(actor: Actor, row: Erasure, workspace: WorkspaceRef, after: Mapping[str, object], effect_key: str) -> None:
    log.record(
        actor=actor,
        action=Action.ERASURE_REQUESTED,
        workspace=workspace,
        scope=Scope.ERASURES_WRITE,
        targets=targets_of(row),
        after=after,
    )
    jobs.enqueue(KIND, workspace=workspace, effect_key=effect_key, args={"erasure": str(row.id)})


def _resume(actor: Actor, known: Erasure, workspace: WorkspaceRef) -> Erasure:
    """Has the stores of an erasure that ended as `partial` asked again, as often as before; any other is left alone."""
    partial = Erasure.objects.filter(pk=known.id, state=ErasureState.PARTIAL, version=known.version)
    if partial.update(state=ErasureState.VERIFYING, verifications=0, version=known.version + 1):
        known.refresh_from_db()
        _start(actor, known, workspace, {"state": known.state}, f"erasure/{known.id}/{known.version}")
    return known


def erasure_preview(
    *, workspace: WorkspaceRef, request: UUID | None = None, subject: str | None = None, whole: bool = False
) -> Mapping[str, int]:
    """What an erasure would find in each store. Changes nothing. Raises Problem as `erasure_request`."""
    target = _asked(workspace, request, subject, whole=whole)
    if not _is_there(target):
        raise not_found()
    return plan_of(target)


def _asked(workspace: WorkspaceRef, request: UUID | None, subject: str | None, *, whole: bool) -> Target:
    if (request is not None) + (subject is not None) + whole != 1:
        raise Problem(400, "invalid", "An erasure is of a request, of a subject or of the workspace: name one.")
    erasure = uuid7()
    if request is not None:
        return Target(workspace, erasure, ErasureScope.REQUEST, (request,))
    if subject is not None:
        pseudonym = subject_pseudonym(subject_key(workspace.id), subject)
        requests = tuple(stores.requests_of(workspace, pseudonym))
        return Target(workspace, erasure, ErasureScope.SUBJECT, requests, pseudonym)
    return Target(workspace, erasure, ErasureScope.WORKSPACE)


def _known(target: Target) -> Erasure | None:
    """The erasure that already does what is asked, in the open scope."""
    rows = Erasure.objects.filter(workspace_id=target.workspace.id, scope=target.scope)
    match target.scope:
        case ErasureScope.REQUEST:
            return rows.filter(request_id=target.requests[0]).first()
        case ErasureScope.SUBJECT:
            return rows.filter(subject=target.subject, erased_at__isnull=True).first()
        case ErasureScope.WORKSPACE:
            return rows.first()


def _get_or_create(actor: Actor, target: Target) -> tuple[Erasure, bool]:
    try:
        with transaction.atomic():
            row = Erasure.objects.create(
                id=target.erasure,
                workspace_id=target.workspace.id,
                organization_id=target.workspace.organization,
                scope=target.scope,
                request_id=target.requests[0] if target.scope is ErasureScope.REQUEST else None,
                subject=target.subject,
                state=ErasureState.RECEIVED,
                requestor=actor.kind.value,
                received_at=shared_now(),
            )
    except IntegrityError:
        known = _known(target)
        if known is None:
            raise
        return known, False
    return row, True


def erasure_get(workspace: WorkspaceRef, erasure: UUID) -> ErasureInfo:
    """Raises Problem 404."""
    return _info(_row(workspace, erasure))


def erasure_list(workspace: WorkspaceRef, pager: Pager) -> list[ErasureInfo]:
    """The workspace's erasures, newest first, as many as `pager` takes of them."""
    with workspace_scope(workspace):
        rows = Erasure.objects.filter(workspace_id=workspace.id).order_by("-id")
        return [_info(row) for row in pager(rows)]


def certificate_download(*, actor: Actor, workspace: WorkspaceRef, erasure: UUID, final: bool = False) -> str:
    """The signed certificate, as the file's text, or the second one (`final`); that somebody took it is an entry.

    Raises Problem: 404, or 409 while there is none.
    """
    with workspace_scope(workspace):
        row = _row(workspace, erasure)
        text = row.final_certificate if final else row.certificate
        if text is None:
            if row.state == ErasureState.PARTIAL:
                detail = "A store still holds something; the cell's operator has to look before this can be certified."
                raise Problem(409, "not-erased", detail)
            detail = (
                "A backup that may hold a key has not aged out yet. The first certificate says when it will have."
                if final
                else "The erasure is still running. Ask again in a few seconds."
            )
            raise Problem(409, "not-ready", detail)
        log.record(
            actor=actor,
            action=Action.CERTIFICATE_DOWNLOADED,
            workspace=workspace,
            scope=Scope.ERASURES_READ,
            targets=[(Tag.ERASURE, row.id)],
        )
        return text


def _row(workspace: WorkspaceRef, erasure: UUID) -> Erasure:
    with workspace_scope(workspace):
        row = Erasure.objects.filter(workspace_id=workspace.id, pk=erasure).first()
    if row is None:
        raise not_found()
    return row


def _is_there(target: Target) -> bool:
    """Whether there is, or ever was, such a thing as is to be erased."""
    if target.whole:
        return True
    if target.scope is ErasureScope.SUBJECT:
        return bool(target.requests)
    # The entry of an admitted request has the request's id, and outlives everything else of it.
    if entry_list(target.workspace, lambda rows: rows.filter(id=target.requests[0]), kinds=[Kind.INTENT]):
        return True
    return any(plan_of(target).values())


def _info(row: Erasure) -> ErasureInfo:
    return ErasureInfo(
        id=row.id,
        scope=row.scope,
        request=row.request_id,
        subject=None if row.subject is None else bytes(row.subject).hex(),
        state=row.state,
        manifest=row.manifest,
        received_at=row.received_at,
        due_at=row.received_at + DEADLINE,
        fenced_at=row.fenced_at,
        erased_at=row.erased_at,
        certified=row.certificate is not None,
        beyond_recovery=row.final_certificate is not None,
    )
