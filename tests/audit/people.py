"""Workspaces and actors of these tests: the log stands below `workspaces` and needs no rows of it."""

from __future__ import annotations

from cell.access import Actor, ActorKind, WorkspaceRef
from cell.ids import uuid7


def a_workspace() -> WorkspaceRef:
    return WorkspaceRef(id=uuid7(), organization=uuid7(), region="eu-de-1")


def a_member(workspace: WorkspaceRef) -> Actor:
    return Actor(kind=ActorKind.MEMBER, id=uuid7(), organization=workspace.organization, auth="password+totp")


def a_key(workspace: WorkspaceRef) -> Actor:
    return Actor(kind=ActorKind.KEY, id=uuid7(), organization=workspace.organization, auth="key")
