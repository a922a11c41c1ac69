"""Creating and changing workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from audit import log
from audit.actions import Action
from cell.access import Actor, Environment, Scope, WorkspaceRef
from cell.config import config
from cell.ids import Tag
from cell.problems import Problem
from cell.tenancy import organization_scope
from workspaces.contracts import WorkspaceInfo
from workspaces.models import ServingPolicy, Workspace
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
        row = Workspace.objects.select_for_update().get(organization_id=workspace.organization, id=workspace.id)
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
