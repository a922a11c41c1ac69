"""The pages of a workspace, and which of them somebody may open."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from cell.access import Actor, Scope, WorkspaceRef
from cell.ids import Tag
from cell.own_ids import own_id


@dataclass(frozen=True, slots=True)
class Tab:
    name: str
    label: str
    need: Scope


TABS = (
    Tab("workspace", "Overview", Scope.WORKSPACES_READ),
    Tab("keys", "Keys", Scope.KEYS_READ),
    Tab("members", "Members", Scope.MEMBERS_READ),
    Tab("audit", "Audit log", Scope.AUDIT_READ),
    Tab("schedules", "SIEM", Scope.AUDIT_READ),
    Tab("requests", "Requests", Scope.AUDIT_READ),
    Tab("usage", "Usage", Scope.WORKSPACES_READ),
    Tab("redaction", "Redaction", Scope.REDACTION_READ),
    Tab("retention", "Retention", Scope.RETENTION_READ),
    Tab("erasures", "Erasures", Scope.ERASURES_READ),
    Tab("records", "Records", Scope.RETENTION_READ),
)


def tabs_for(actor: Actor, workspace: WorkspaceRef) -> list[tuple[Tab, str]]:
    """The tabs that the actor may open, each with its address."""
    public_id = own_id(Tag.WORKSPACE, workspace.id)
    return [(tab, reverse(tab.name, args=[public_id])) for tab in TABS if actor.may(tab.need, workspace.id)]


def landing(actor: Actor, workspace: WorkspaceRef) -> str | None:
    """Where the workspace opens for the actor: its first page that they may see."""
    tabs = tabs_for(actor, workspace)
    return tabs[0][1] if tabs else None
