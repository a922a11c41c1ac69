"""Changing how a workspace is served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from audit import log
from audit.actions import Action
from cell.access import Actor, Scope, WorkspaceRef
from cell.ids import Tag
from cell.problems import Problem
from cell.tenancy import organization_scope
from workspaces.contracts import ServingInfo
from workspaces.selectors import serving_info, serving_rows
from workspaces.services.changes import apply_changes, notify
from workspaces.serving import Lane

CHANGEABLE = frozenset(field.name for field in fields(ServingInfo)) - {"version"}


def serving_update(
    *, actor: Actor, workspace: WorkspaceRef, changes: Mapping[str, Any], expected_version: int | None = None
) -> ServingInfo:
    """Changes fields of `CHANGEABLE`; every web process serves by them within a second. The weight is the plan's: it takes
    `workspaces:write` in all the organization.

    Raises Problem: 400, 403 for the weight, 412 if it changed since `expected_version`.
    """
    if unknown := sorted(set(changes) - CHANGEABLE):
        raise Problem(400, "not-changeable", f"These fields cannot be changed: {', '.join(unknown)}.")
    if "lanes" in changes:
        changes = {**changes, "lanes": _lanes(changes["lanes"])}
    with organization_scope(workspace.organization):
        row = serving_rows(workspace).select_for_update().get()
        weight = changes.get("weight_percent", row.weight_percent)
        if weight != row.weight_percent and not actor.may(Scope.WORKSPACES_WRITE):
            detail = "Only someone with workspaces:write in the whole organization may change the weight."
            raise Problem(403, "organization-required", detail)
        before, after = apply_changes(row, changes, expected_version=expected_version)
        if after:
            notify("workspace_changed", str(workspace.id))
            log.record(
                actor=actor,
                action=Action.SERVING_CHANGED,
                workspace=workspace,
                organization=workspace.organization,
                scope=Scope.WORKSPACES_WRITE,
                targets=[(Tag.WORKSPACE, workspace.id)],
                before=before,
                after=after,
            )
        return serving_info(row)


def _lanes(given: Any) -> list[str]:
    """Each once, in the order of urgency. Raises Problem 400."""
    if not isinstance(given, list | tuple) or not given or any(lane not in list(Lane) for lane in given):
        known = ", ".join(Lane)
        raise Problem(
            400, "invalid", "Some fields are not valid.", errors={"lanes": [f"Name at least one of {known}."]}
        )
    return [lane.value for lane in Lane if lane in given]
