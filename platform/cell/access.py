"""Who acts, and what they may do: the frozen values that travel from the door to the last line.

`workspaces` makes them (from a key or a session), every floor above `cell` reads them. Nothing here touches a database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID


class Scope(StrEnum):
    """Everything a key or a role can be allowed to do. A key never gets a scope that its creator lacks."""

    INFERENCE_CHAT = "inference:chat"
    INFERENCE_EMBEDDINGS = "inference:embeddings"
    MODELS_READ = "models:read"
    WORKSPACES_READ = "workspaces:read"
    WORKSPACES_WRITE = "workspaces:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    REDACTION_READ = "redaction:read"
    REDACTION_WRITE = "redaction:write"
    RETENTION_READ = "retention:read"
    RETENTION_WRITE = "retention:write"
    ERASURES_READ = "erasures:read"
    ERASURES_WRITE = "erasures:write"
    AUDIT_READ = "audit:read"
    AUDIT_EXPORT = "audit:export"
    DEPLOYMENTS_READ = "deployments:read"
    DEPLOYMENTS_WRITE = "deployments:write"


class Environment(StrEnum):
    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"


class ActorKind(StrEnum):
    MEMBER = "member"
    KEY = "key"
    SYSTEM = "system"
    """The cell itself: a job, the sealer, a command of the operator."""


@dataclass(frozen=True, slots=True)
class WorkspaceRef:
    """A workspace as the floors hand it to each other: resolved once, at the door."""

    id: UUID
    organization: UUID
    region: str
    environment: Environment = Environment.PRODUCTION


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `scopes` hold in the whole organization, `workspace_scopes` in the named workspaces only."""

    kind: ActorKind
    id: UUID | None
    """Member or key id; None for the system."""
    organization: UUID | None
    scopes: frozenset[Scope] = frozenset()
    workspace_scopes: Mapping[UUID, frozenset[Scope]] = field(default_factory=dict)
    auth: str = "none"
    """How they proved who they are: `key`, `password+totp`, `job`, `command`."""

    is_authenticated = True

    def may(self, scope: Scope, workspace: UUID | None = None) -> bool:
        """Whether the actor holds `scope` in the organization, or in `workspace` if one is named."""
        if scope in self.scopes:
            return True
        return workspace is not None and scope in self.workspace_scopes.get(workspace, frozenset())

    def scopes_in(self, workspace: UUID) -> frozenset[Scope]:
        return self.scopes | self.workspace_scopes.get(workspace, frozenset())


def system_actor(auth: str, organization: UUID | None = None) -> Actor:
    return Actor(kind=ActorKind.SYSTEM, id=None, organization=organization, auth=auth)
