"""Exports of all workspaces of an organization, the next ones included: deciding where to and how often, and turning it off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet

from audit.actions import Action
from audit.described import changed_to, described, shown, take_over
from audit.entry import now
from audit.following import decided
from audit.formats import Format
from audit.log import record
from audit.models import ExportSchedule, OrganizationSchedule
from audit.schedules import WEEKLY_HOURS
from cell.access import Actor, Scope
from cell.ids import Tag, uuid7
from cell.problems import Problem, not_found
from cell.tenancy import organization_scope

MOST_SCHEDULES = 5
"""Of one organization that have not ended."""
MOST_STOPPED = 20

Pager = Callable[[QuerySet[OrganizationSchedule]], Iterable[OrganizationSchedule]]


@dataclass(frozen=True, slots=True)
class OrganizationScheduleInfo:
    id: UUID
    format: str
    interval_hours: int
    destination: Mapping[str, Any]
    """Without its secrets."""
    state: str
    """`active`, `ending` until the last deliveries of all workspaces are there or given up, `ended`."""
    version: int
    created_at: datetime
    ended_at: datetime | None
    workspaces: Mapping[str, int]
    """How many have a schedule that follows this one, by its state."""
    stopped: tuple[UUID, ...]
    """Workspaces in which the destination refuses; `MOST_STOPPED` of them at most."""


def organization_schedule_create(
    *,
    actor: Actor,
    organization: UUID,
    destination: object,
    secrets: object,
    name: Format = Format.OCSF,
    interval_hours: int = WEEKLY_HOURS,
) -> OrganizationScheduleInfo:
    """Has the log of every workspace sent to `destination`, as `schedule_create` does for one.

    Raises Problem 400 if the destination is not one, or may not be sent to; 409 if there are too many.
    """
    number = uuid7()
    document, sealed = described(destination, secrets, owner=organization, number=number)
    with organization_scope(organization):
        rows = OrganizationSchedule.objects.filter(organization_id=organization, state="active")
        if rows.count() >= MOST_SCHEDULES:
            raise Problem(409, "too-many", f"An organization has at most {MOST_SCHEDULES} schedules. End one first.")
        row = OrganizationSchedule(
            id=number,
            organization_id=organization,
            format=name.value,
            interval_hours=interval_hours,
            destination=document,
            secrets=sealed,
            created_at=now(),
        )
        _recorded(Action.SCHEDULE_CREATED, actor, row, before=None)
        decided(row, actor)
        return _infos([row])[0]


def organization_schedule_list(organization: UUID, pager: Pager) -> list[OrganizationScheduleInfo]:
    """The organization's schedules, newest first, as many as `pager` takes of them."""
    with organization_scope(organization):
        rows = OrganizationSchedule.objects.filter(organization_id=organization).order_by("-id")
        return _infos(list(pager(rows)))


def organization_schedule_get(organization: UUID, schedule: UUID) -> OrganizationScheduleInfo:
    """Raises Problem 404."""
    with organization_scope(organization):
        return _infos([_row(organization, schedule)])[0]


def organization_schedule_change(
    *,
    actor: Actor,
    organization: UUID,
    schedule: UUID,
    expected_version: int,
    destination: object = None,
    secrets: object = None,
    interval_hours: int | None = None,
) -> OrganizationScheduleInfo:
    """Changes what is given, for all workspaces; those in which it had stopped go on.

    A new destination takes new secrets, so that none reaches a place it was not meant for. Raises Problem 404, 400, 409 or 412.
    """
    said = changed_to(destination, secrets, owner=organization, number=schedule)
    with organization_scope(organization):
        row = _row(organization, schedule, lock=True)
        before = take_over(row, said, interval_hours, expected_version=expected_version)
        _recorded(Action.SCHEDULE_CHANGED, actor, row, before=before)
        decided(row, actor)
        return _infos([row])[0]


def organization_schedule_end(*, actor: Actor, organization: UUID, schedule: UUID) -> OrganizationScheduleInfo:
    """Turns it off in all workspaces, whose last deliveries each tell so. Any number of times. Raises Problem 404."""
    with organization_scope(organization):
        row = _row(organization, schedule, lock=True)
        if row.state == OrganizationSchedule.State.ACTIVE:
            before = shown(row)
            row.state, row.version, row.ended_at = OrganizationSchedule.State.ENDING, row.version + 1, now()
            _recorded(Action.SCHEDULE_ENDED, actor, row, before=before)
            decided(row, actor)
        return _infos([row])[0]


def _recorded(action: Action, actor: Actor, row: OrganizationSchedule, *, before: dict[str, Any] | None) -> None:
    record(
        actor=actor,
        action=action,
        organization=row.organization_id,
        scope=Scope.AUDIT_EXPORT,
        targets=[(Tag.SCHEDULE, row.id)],
        before=before,
        after=shown(row),
    )


def _row(organization: UUID, schedule: UUID, *, lock: bool = False) -> OrganizationSchedule:
    rows = OrganizationSchedule.objects.filter(organization_id=organization, pk=schedule)
    row = (rows.select_for_update() if lock else rows).first()
    if row is None:
        raise not_found()
    return row


def _infos(rows: list[OrganizationSchedule]) -> list[OrganizationScheduleInfo]:
    followers = ExportSchedule.objects.filter(follows__in=[row.id for row in rows])
    counts: dict[UUID | None, dict[str, int]] = {}
    for follows, state, count in followers.values_list("follows", "state").annotate(Count("id")).order_by("state"):
        counts.setdefault(follows, {})[state] = count
    return [
        OrganizationScheduleInfo(
            id=row.id,
            format=row.format,
            interval_hours=row.interval_hours,
            destination=row.destination,
            state=str(row.state),
            version=row.version,
            created_at=row.created_at,
            ended_at=row.ended_at,
            workspaces=counts.get(row.id, {}),
            stopped=tuple(
                followers.filter(follows=row.id, state="stopped")
                .order_by("workspace_id")
                .values_list("workspace_id", flat=True)[:MOST_STOPPED]
            ),
        )
        for row in rows
    ]
