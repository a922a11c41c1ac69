"""Legal holds (GDPR 17(3)) and restrictions (Art. 18): what they cover is kept, neither erased nor expired, and read by nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit import log
from audit.actions import Action
from cell.access import Actor, Scope, WorkspaceRef
from cell.ids import Tag
from cell.problems import Problem, not_found
from cell.pseudonyms import subject_key, subject_pseudonym
from cell.tenancy import workspace_scope
from retention import stores
from retention.contracts import HoldInfo
from retention.fences import is_fenced
from retention.models import ErasureScope, Hold
from retention.stores import Target

Pager = Callable[[QuerySet[Hold]], Iterable[Hold]]


def hold_place(
    *, actor: Actor, workspace: WorkspaceRef, reason: str, request: UUID | None = None, subject: str | None = None
) -> HoldInfo:
    """Holds a request, a subject as the application names it, or the whole workspace if neither is given.

    Raises Problem: 400 for both at once or without a reason, 409 if it is being erased already.
    """
    if request is not None and subject is not None:
        raise Problem(400, "invalid", "A hold is on a request, on a subject or on the workspace: name one.")
    if not reason.strip():
        raise Problem(400, "invalid", "A hold needs a reason, such as the reference of the claim.")
    pseudonym = None if subject is None else subject_pseudonym(subject_key(workspace.id), subject)
    with workspace_scope(workspace):
        lock_holds(workspace.id)
        if is_fenced(workspace, request):
            raise Problem(409, "being-erased", "This is erased, or being erased: there is nothing left to hold.")
        row = Hold.objects.create(
            workspace_id=workspace.id,
            organization_id=workspace.organization,
            request_id=request,
            subject=pseudonym,
            reason=reason.strip(),
            placed_at=timezone.now(),
        )
        _record(actor, workspace, row, Action.HOLD_PLACED)
    return _info(row)


def hold_release(*, actor: Actor, workspace: WorkspaceRef, hold: UUID) -> HoldInfo:
    """Ends a hold; erasures that waited for it go on within a minute. Releasing it again changes nothing. Raises Problem 404."""
    with workspace_scope(workspace):
        row = Hold.objects.select_for_update().filter(workspace_id=workspace.id, pk=hold).first()
        if row is None:
            raise not_found()
        if row.released_at is None:
            row.released_at = timezone.now()
            row.save(update_fields=["released_at"])
            _record(actor, workspace, row, Action.HOLD_RELEASED)
    return _info(row)


def hold_list(workspace: WorkspaceRef, pager: Pager) -> list[HoldInfo]:
    """The workspace's holds, newest first, as many as `pager` takes of them."""
    with workspace_scope(workspace):
        return [_info(row) for row in pager(Hold.objects.filter(workspace_id=workspace.id).order_by("-id"))]


def held(target: Target, *, lock: bool = False) -> bool:
    """Whether a hold covers any of the target: a hold on one of its requests, on its subject, or on the workspace.

    With `lock`, none is placed until the open transaction ends.
    """
    with workspace_scope(target.workspace):
        if lock:
            lock_holds(target.workspace.id)
        placed = Hold.objects.filter(workspace_id=target.workspace.id, released_at__isnull=True)
        if target.whole:
            return placed.exists()
        mine = Q(request_id__isnull=True, subject__isnull=True) | Q(request_id__in=target.requests)
        if target.subject is not None:
            return placed.filter(mine | Q(subject=target.subject)).exists()
        return placed.filter(mine).exists() or not set(target.requests).isdisjoint(
            _of_subjects(target.workspace, placed)
        )


def held_requests(workspace: WorkspaceRef, *, lock: bool = False) -> set[UUID] | None:
    """The requests of the workspace that holds cover; None if a hold covers all of them. Nobody reads them, and none expires.

    With `lock`, none is placed until the open transaction ends.
    """
    with workspace_scope(workspace):
        if lock:
            lock_holds(workspace.id)
        placed = Hold.objects.filter(workspace_id=workspace.id, released_at__isnull=True)
        if placed.filter(request_id__isnull=True, subject__isnull=True).exists():
            return None
        named = placed.filter(request_id__isnull=False).values_list("request_id", flat=True)
        return {request for request in named if request is not None} | _of_subjects(workspace, placed)


def _of_subjects(workspace: WorkspaceRef, placed: QuerySet[Hold]) -> set[UUID]:
    subjects = placed.filter(subject__isnull=False).values_list("subject", flat=True)
    return {request for subject in subjects for request in stores.requests_of(workspace, bytes(subject or b""))}


def lock_holds(workspace: UUID) -> None:
    """Until the open transaction ends no hold is placed: what is erased or expires because none covers it is not held meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 19))", [str(workspace)])


def _record(actor: Actor, workspace: WorkspaceRef, row: Hold, action: Action) -> None:
    log.record(
        actor=actor,
        action=action,
        workspace=workspace,
        scope=Scope.ERASURES_WRITE,
        targets=[(Tag.HOLD, row.id), *([] if row.request_id is None else [(Tag.REQUEST, row.request_id)])],
        after={"scope": _scope(row).value, "released": row.released_at is not None},
    )


def _scope(row: Hold) -> ErasureScope:
    if row.request_id is not None:
        return ErasureScope.REQUEST
    return ErasureScope.WORKSPACE if row.subject is None else ErasureScope.SUBJECT


def _info(row: Hold) -> HoldInfo:
    return HoldInfo(
        id=row.id,
        scope=_scope(row).value,
        request=row.request_id,
        subject=None if row.subject is None else bytes(row.subject).hex(),
        reason=row.reason,
        placed_at=row.placed_at,
        released_at=row.released_at,
    )
