"""Creating and changing workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils import timezone

from audit import log
from audit.actions import Action
from audit.following import workspace_made
from cell.access import Actor, Environment, Scope, WorkspaceRef
from cell.config import config
from cell.ids import Tag
from cell.problems import Problem
from cell.tenancy import organization_scope
from workspaces.contracts import WorkspaceInfo
from workspaces.models import Key, ServingPolicy, Workspace, WorkspaceState
from workspaces.selectors import workspace_info
from workspaces.services.changes import apply_changes, notify, validate

CHANGEABLE = frozenset({"name", "region_locked", "state"})


def workspace_create(
    *, actor: Actor, organization: UUID, name: str, environment: Environment, region_locked: bool = False
) -> WorkspaceInfo:
    """A new workspace in this cell's region: there is no other it could be in. Raises Problem 400."""
    with organization_scope(organization):
        workspace = Workspace(
            organization_id=organization,
            name=name,
            environment=environment.value,
            region=config().region,
            region_locked=region_locked,
        )
        validate(workspace)
        workspace.save(force_insert=True)
        ServingPolicy.objects.create(organization_id=organization, workspace=workspace)
        info = workspace_info(workspace)
        log.record(
            actor=actor,
            action=Action.WORKSPACE_CREATED,
            workspace=info.ref,
            organization=organization,
            scope=Scope.WORKSPACES_WRITE,
            targets=[(Tag.WORKSPACE, info.ref.id)],
            after={"environment": info.environment.value, "region": info.region, "region_locked": info.region_locked},
        )
        workspace_made(info.ref)
    return info


def workspace_update(
    *, actor: Actor, workspace: WorkspaceRef, changes: Mapping[str, Any], expected_version: int | None = None
) -> WorkspaceInfo:
    """Changes fields of `CHANGEABLE`. Locking the region takes `workspaces:write` there, unlocking in all the organization.

    Raises Problem: 400, 403 for the unlocking, 412 if it changed since `expected_version`.
    """
    if unknown := sorted(set(changes) - CHANGEABLE):
        raise Problem(400, "not-changeable", f"These fields cannot be changed: {', '.join(unknown)}.")
    with organization_scope(workspace.organization):
        row = _locked(workspace)
        if row.state == WorkspaceState.ERASED:
            raise Problem(409, "workspace-erased", "This workspace was erased; nothing of it can be changed any more.")
        if row.region_locked and changes.get("region_locked") is False and not actor.may(Scope.WORKSPACES_WRITE):
            raise Problem(
                403,
                "region-locked",
                "Only someone with workspaces:write in the whole organization may unlock a region.",
            )
        before, after = apply_changes(row, changes, expected_version=expected_version)
        info = workspace_info(row)
        if after:
            notify("workspace_changed", str(workspace.id))
            log.record(
                actor=actor,
                action=_action(after),
                workspace=workspace,
                organization=workspace.organization,
                scope=Scope.WORKSPACES_WRITE,
                targets=[(Tag.WORKSPACE, info.ref.id)],
                before=_shown(before),
                after=_shown(after),
            )
    return info


def workspace_close(*, actor: Actor, workspace: WorkspaceRef) -> int:
    """Ends the workspace for good: its keys are revoked, its state is `erased`. Any number of times.

    Returns how many keys were revoked.
    """
    with organization_scope(workspace.organization):
        row = _locked(workspace)
        keys = list(
            Key.objects.filter(
                organization_id=workspace.organization, workspace_id=workspace.id, revoked_at__isnull=True
            ).values_list("key_id", flat=True)
        )
        if row.state == WorkspaceState.ERASED and not keys:
            return 0
        before, row.state = row.state, WorkspaceState.ERASED.value
        row.version += 1
        row.save(update_fields=["state", "version"])
        Key.objects.filter(key_id__in=keys).update(revoked_at=timezone.now())
        for key in keys:
            notify("key_changed", key)
        notify("workspace_changed", str(workspace.id))
        log.record(
            actor=actor,
            action=Action.WORKSPACE_UPDATED,
            workspace=workspace,
            organization=workspace.organization,
            scope=Scope.WORKSPACES_WRITE,
            targets=[(Tag.WORKSPACE, workspace.id)],
            before={"state": before},
            after={"state": row.state},
        )
    return len(keys)


def workspace_access(workspace: WorkspaceRef) -> int:
    """How many of its keys still open the workspace, and one more if it is not closed."""
    with organization_scope(workspace.organization):
        open_keys = Key.objects.filter(
            organization_id=workspace.organization, workspace_id=workspace.id, revoked_at__isnull=True
        ).count()
        closed = Workspace.objects.filter(id=workspace.id, state=WorkspaceState.ERASED).exists()
    return open_keys + (0 if closed else 1)


def _locked(workspace: WorkspaceRef) -> Workspace:
    return Workspace.objects.select_for_update().get(organization_id=workspace.organization, id=workspace.id)


def _action(after: Mapping[str, Any]) -> Action:
    match after.get("region_locked"):
        case True:
            return Action.REGION_LOCKED
        case False:
            return Action.REGION_UNLOCKED
        case _:
            return Action.WORKSPACE_UPDATED


def _shown(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A name is typed by a person: that it changed is on the record, what it was is not."""
    return {name: value for name, value in fields.items() if name != "name"}
