"""Exports that are sent by themselves: deciding where to and how often, and turning it off, which the last one tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from audit.actions import Action
from audit.described import changed_to, described, shown, take_over
from audit.entry import now
from audit.formats import Format
from audit.log import record
from audit.models import ExportSchedule
from cell import jobs
from cell.access import Actor, Scope, WorkspaceRef, system_actor
from cell.ids import Tag, uuid7
from cell.own_ids import own_id
from cell.problems import Problem, not_found
from cell.tenancy import workspace_scope

KIND = "audit.delivery"
WEEKLY_HOURS = 168
MOST_HOURS = 31 * 24
MOST_SCHEDULES = 5
"""Of one workspace that have not ended, without those that follow the organization's."""
OVER = (ExportSchedule.State.ENDING, ExportSchedule.State.ENDED)

Pager = Callable[[QuerySet[ExportSchedule]], Iterable[ExportSchedule]]


@dataclass(frozen=True, slots=True)
class ScheduleInfo:
    id: UUID
    format: str
    interval_hours: int
    destination: Mapping[str, Any]
    """Without its secrets."""
    state: str
    cause: str
    version: int
    created_at: datetime
    next_at: datetime | None
    ended_at: datetime | None
    follows: UUID | None
    """The organization's schedule that decides for it."""


def schedule_create(
    *,
    actor: Actor,
    workspace: WorkspaceRef,
    destination: object,
    secrets: object,
    name: Format = Format.OCSF,
    interval_hours: int = WEEKLY_HOURS,
) -> ScheduleInfo:
    """Has the workspace's log sent to `destination`, at once from its first entry and then every `interval_hours`.

    Raises Problem 400 if the destination is not one, or may not be sent to; 409 if there are too many.
    """
    number = uuid7()
    document, sealed = described(destination, secrets, owner=workspace.id, number=number)
    with workspace_scope(workspace):
        rows = ExportSchedule.objects.filter(workspace_id=workspace.id, follows__isnull=True)
        if rows.exclude(state__in=OVER).count() >= MOST_SCHEDULES:
            raise Problem(409, "too-many", f"A workspace has at most {MOST_SCHEDULES} schedules. End one first.")
        row = ExportSchedule.objects.create(
            id=number,
            workspace_id=workspace.id,
            organization_id=workspace.organization,
            format=name.value,
            interval_hours=interval_hours,
            destination=document,
            secrets=sealed,
            created_at=now(),
            next_at=now(),
        )
        recorded(Action.SCHEDULE_CREATED, actor, workspace, row, before=None)
        start(row, workspace)
        return _info(row)


def schedule_list(workspace: WorkspaceRef, pager: Pager) -> list[ScheduleInfo]:
    """The workspace's schedules, newest first, as many as `pager` takes of them."""
    with workspace_scope(workspace):
        return [_info(row) for row in pager(ExportSchedule.objects.filter(workspace_id=workspace.id).order_by("-id"))]


def schedule_get(workspace: WorkspaceRef, schedule: UUID) -> ScheduleInfo:
    """Raises Problem 404."""
    with workspace_scope(workspace):
        return _info(_row(workspace, schedule))


def schedule_change(
    *,
    actor: Actor,
    workspace: WorkspaceRef,
    schedule: UUID,
    expected_version: int,
    destination: object = None,
    secrets: object = None,
    interval_hours: int | None = None,
) -> ScheduleInfo:
    """Changes what is given, and tries at once: a schedule that had stopped goes on. What is prepared already stays as it is.

    A new destination takes new secrets, so that none reaches a place it was not meant for. Raises Problem 404, 400, 409 or 412.
    """
    said = changed_to(destination, secrets, owner=workspace.id, number=schedule)
    with workspace_scope(workspace):
        row = _own(workspace, schedule)
        before = take_over(row, said, interval_hours, expected_version=expected_version)
        row.state, row.cause, row.next_at = ExportSchedule.State.ACTIVE, "", now()
        recorded(Action.SCHEDULE_CHANGED, actor, workspace, row, before=before)
        start(row, workspace)
        return _info(row)


def schedule_end(*, actor: Actor, workspace: WorkspaceRef, schedule: UUID) -> ScheduleInfo:
    """Turns the schedule off. The entry that says so is in the last delivery, which is made at once. Any number of times.

    Raises Problem 404 or 409.
    """
    with workspace_scope(workspace):
        row = _own(workspace, schedule)
        if row.state not in OVER:
            turn_off(row, actor, workspace)
        return _info(row)


def schedules_left(workspace: WorkspaceRef) -> int:
    """How many still send something, or have secrets for it."""
    with workspace_scope(workspace):
        return _left(workspace).count()


def schedules_close(*, actor: Actor, workspace: WorkspaceRef, at_once: bool) -> None:
    """Turns off all of them, those that follow the organization's, too; `at_once` without last deliveries. Any number of times."""
    with workspace_scope(workspace):
        for row in _left(workspace).select_for_update().order_by("id"):
            if row.state not in OVER:
                turn_off(row, actor, workspace)
            if at_once:
                _cut_short(row, workspace)


def _left(workspace: WorkspaceRef) -> QuerySet[ExportSchedule]:
    rows = ExportSchedule.objects.filter(workspace_id=workspace.id)
    return rows.exclude(state=ExportSchedule.State.ENDED, secrets__isnull=True)


def _cut_short(row: ExportSchedule, workspace: WorkspaceRef) -> None:
    # A run that is under way finds another version, and one that waits another number.
    row.version, row.runs = row.version + 1, row.runs + 1
    row.state, row.cause, row.secrets, row.next_at = ExportSchedule.State.ENDED, "erased", None, None
    row.save()
    record(
        actor=system_actor("job", workspace.organization),
        action=Action.DELIVERY_STOPPED,
        workspace=workspace,
        targets=[(Tag.SCHEDULE, row.id)],
        after={"state": str(row.state), "cause": row.cause},
    )


def turn_off(row: ExportSchedule, actor: Actor, workspace: WorkspaceRef) -> None:
    """In the caller's transaction, which holds the row."""
    before = shown(row)
    row.state, row.version = ExportSchedule.State.ENDING, row.version + 1
    row.next_at = row.ended_at = now()
    row.ended_entry = recorded(Action.SCHEDULE_ENDED, actor, workspace, row, before=before)
    start(row, workspace)


def start(row: ExportSchedule, workspace: WorkspaceRef, after_s: float = 0.0) -> None:
    """Saves the row and enqueues its next run, in the caller's transaction; a run that waits already does nothing then."""
    row.runs += 1
    row.save()
    jobs.enqueue(
        KIND,
        workspace=workspace,
        effect_key=f"delivery/{row.id}/{row.runs}",
        args={"schedule": str(row.id), "run": str(row.runs)},
        delay_s=after_s,
    )


def recorded(
    action: Action, actor: Actor, workspace: WorkspaceRef, row: ExportSchedule, *, before: dict[str, Any] | None
) -> UUID:
    return record(
        actor=actor,
        action=action,
        workspace=workspace,
        scope=Scope.AUDIT_EXPORT,
        targets=[(Tag.SCHEDULE, number) for number in (row.id, row.follows) if number is not None],
        before=before,
        after=shown(row),
    )


def _row(workspace: WorkspaceRef, schedule: UUID, *, lock: bool = False) -> ExportSchedule:
    rows = ExportSchedule.objects.filter(workspace_id=workspace.id, pk=schedule)
    row = (rows.select_for_update() if lock else rows).first()
    if row is None:
        raise not_found()
    return row


def _own(workspace: WorkspaceRef, schedule: UUID) -> ExportSchedule:
    """Locked, to be changed. Raises Problem: 404, or 409 if it is not the workspace's to decide."""
    row = _row(workspace, schedule, lock=True)
    if row.follows is not None:
        place = f"/api/organization/audit/schedules/{own_id(Tag.SCHEDULE, row.follows)}"
        raise Problem(
            409,
            "follows-organization",
            f"This schedule follows the organization's. Whoever may export in the whole organization changes it at {place}.",
        )
    return row


def _info(row: ExportSchedule) -> ScheduleInfo:
    return ScheduleInfo(
        id=row.id,
        format=row.format,
        interval_hours=row.interval_hours,
        destination=row.destination,
        state=str(row.state),
        cause=row.cause,
        version=row.version,
        created_at=row.created_at,
        next_at=row.next_at,
        ended_at=row.ended_at,
        follows=row.follows,
    )
