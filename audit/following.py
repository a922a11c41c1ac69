"""Workspaces that follow their organization's schedules: each has one of its own for each of them, begun, changed and turned off
as the organization decides. Its log stays its own tree, and its deliveries a chain of their own.

The job compares what was decided with what each workspace has heard of, and tells it the rest, each in a transaction in its own
scope. Cut off anywhere it is simply done again. Which workspaces there are is known above this floor: whoever knows registers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from audit.actions import Action
from audit.described import shown
from audit.entry import now
from audit.models import ExportSchedule, OrganizationSchedule
from audit.schedules import OVER, recorded, start, turn_off
from cell import jobs
from cell.access import Actor, ActorKind, WorkspaceRef, system_actor
from cell.config import config
from cell.ids import uuid7
from cell.jobs import Again, Lease, handler
from cell.tenancy import organization_scope, workspace_scope

KIND = "audit.follow"
BUDGET_S = 45.0
"""What is left after this is done by the next run."""
ENDED_YET_S = 30.0
"""Until it is asked again whether the last deliveries of a schedule that was turned off have arrived."""

WorkspacesOf = Callable[[UUID], list[WorkspaceRef]]
"""The workspaces of an organization that are not erased."""


def register_job(workspaces_of: WorkspacesOf) -> None:
    """Makes this process able to have workspaces follow. Once, from AppConfig.ready."""
    handler(KIND, lease_s=60.0, max_attempts=None, backoff_limit_s=300.0)(lambda lease: run(lease, workspaces_of))


def decided(row: OrganizationSchedule, actor: Actor) -> None:
    """Saves what `actor` decided and has all workspaces hear of it, in the caller's transaction."""
    row.decided_by = {
        "kind": actor.kind.value,
        "id": None if actor.id is None else str(actor.id),
        "auth": actor.auth,
    }
    row.save()
    jobs.enqueue(
        KIND,
        organization=row.organization_id,
        effect_key=f"follow/{row.id}/{row.version}",
        args={"schedule": str(row.id)},
    )


def workspace_made(workspace: WorkspaceRef) -> None:
    """Has a new workspace follow what its organization decided before, in the caller's transaction.

    Always a job, and not only where there is something to follow: of a decision that commits at the same time either this one
    sees it, or its own job the workspace.
    """
    jobs.enqueue(KIND, organization=workspace.organization, effect_key=f"follow/{workspace.id}", args={})


def run(lease: Lease, workspaces_of: WorkspacesOf) -> Mapping[str, Any] | None:
    """One run for an organization. Returns how many workspaces heard of something."""
    organization = lease.organization
    if organization is None:
        raise ValueError("schedules are followed within an organization")
    deadline, told = time.monotonic() + BUDGET_S, 0
    with organization_scope(organization):
        decisions = list(OrganizationSchedule.objects.filter(organization_id=organization).exclude(state="ended"))
        followers = list(ExportSchedule.objects.filter(follows__in=[row.id for row in decisions]))
    for workspace, schedule in _behind(decisions, followers, workspaces_of(organization)):
        if time.monotonic() > deadline:
            raise Again(0.0)
        lease.extend()
        try:
            _tell(workspace, schedule)
        except IntegrityError:
            # Another run of the same organization was quicker.
            raise Again(0.5) from None
        told += 1
    return _settle(lease, organization, {row.id: row.version for row in decisions}, told)


def _behind(
    decisions: list[OrganizationSchedule], followers: list[ExportSchedule], workspaces: list[WorkspaceRef]
) -> Iterator[tuple[WorkspaceRef, UUID]]:
    """Which workspace has yet to hear of which schedule."""
    heard = {(row.workspace_id, row.follows): row for row in followers}
    known = {workspace.id: workspace for workspace in workspaces}
    for decision in decisions:
        if decision.state == OrganizationSchedule.State.ACTIVE:
            for workspace in workspaces:
                row = heard.get((workspace.id, decision.id))
                if row is None or (row.state not in OVER and (row.followed_version or 0) < decision.version):
                    yield workspace, decision.id
        else:
            for row in followers:
                if row.follows == decision.id and row.state not in OVER:
                    here = WorkspaceRef(row.workspace_id, row.organization_id, config().region)
                    yield known.get(row.workspace_id, here), decision.id


def _tell(workspace: WorkspaceRef, schedule: UUID) -> None:
    with workspace_scope(workspace):
        decision = OrganizationSchedule.objects.get(pk=schedule)
        rows = ExportSchedule.objects.filter(workspace_id=workspace.id, follows=schedule)
        row = rows.select_for_update().first()
        is_active = decision.state == OrganizationSchedule.State.ACTIVE
        if row is None and is_active:
            _begin(decision, workspace)
        elif row is None or row.state in OVER:
            return
        elif not is_active:
            turn_off(row, _decider(decision), workspace)
        elif (row.followed_version or 0) < decision.version:
            _change(row, decision, workspace)


def _begin(decision: OrganizationSchedule, workspace: WorkspaceRef) -> None:
    row = ExportSchedule(
        id=uuid7(),
        workspace_id=workspace.id,
        organization_id=workspace.organization,
        format=decision.format,
        interval_hours=decision.interval_hours,
        destination=decision.destination,
        created_at=now(),
        next_at=now(),
        follows=decision.id,
        followed_version=decision.version,
    )
    recorded(Action.SCHEDULE_CREATED, _decider(decision), workspace, row, before=None)
    start(row, workspace)


def _change(row: ExportSchedule, decision: OrganizationSchedule, workspace: WorkspaceRef) -> None:
    before = shown(row)
    row.destination, row.interval_hours = decision.destination, decision.interval_hours
    row.followed_version, row.version = decision.version, row.version + 1
    row.state, row.cause, row.next_at = ExportSchedule.State.ACTIVE, "", now()
    recorded(Action.SCHEDULE_CHANGED, _decider(decision), workspace, row, before=before)
    start(row, workspace)


def _decider(decision: OrganizationSchedule) -> Actor:
    """Whoever decided last; for a workspace that only came when all others had heard, the cell itself."""
    by = decision.decided_by
    if by is None:
        return system_actor("job", decision.organization_id)
    number = None if by["id"] is None else UUID(by["id"])
    return Actor(ActorKind(by["kind"]), number, decision.organization_id, auth=by["auth"])


def _settle(lease: Lease, organization: UUID, told_of: Mapping[UUID, int], told: int) -> Mapping[str, Any]:
    """Schedules whose followers have all ended end themselves, and their secrets with them.

    Raises Again while that of the job is not there yet.
    """
    result, ending = {"told": told}, False
    with lease.transaction():
        rows = OrganizationSchedule.objects.filter(organization_id=organization, id__in=told_of)
        for row in rows.exclude(state="ended").select_for_update().order_by("id"):
            if row.version != told_of[row.id]:
                continue  # somebody decided meanwhile: another job tells of that
            row.decided_by = None
            if row.state == OrganizationSchedule.State.ENDING:
                if ExportSchedule.objects.filter(follows=row.id).exclude(state="ended").exists():
                    ending = ending or str(row.id) == lease.args.get("schedule")
                else:
                    row.state, row.secrets = OrganizationSchedule.State.ENDED, None
            row.save()
        if not ending:
            lease.complete(result)
    if ending:
        raise Again(ENDED_YET_S)
    return result
