"""What leaves this app: frozen values, with public ids, never models."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cell.access import Environment, Scope, WorkspaceRef
from workspaces.permissions import OrganizationRole, WorkspaceRole


@dataclass(frozen=True, slots=True)
class OrganizationInfo:
    id: str
    handle: str
    name: str
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WorkspaceInfo:
    """`ref` is what services take; the rest is what people read."""

    ref: WorkspaceRef
    id: str
    name: str
    environment: Environment
    region: str
    region_locked: bool
    state: str
    """`active`, or `suspended`: inference is refused and everything else goes on."""
    requests_per_minute: int
    concurrency: int
    """Inference calls of the workspace that may run at once."""
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key without its secret."""

    id: str
    prefix: str
    """`sk-<cell>-<key id>`: how people recognise it."""
    name: str
    workspace: str | None
    """Public id; None for a management key of the organization."""
    scopes: tuple[Scope, ...]
    cidrs: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    """To the hour."""
    successor_of: str | None

    def state(self, now: datetime) -> str:
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.expires_at > now else "expired"


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key, with the only copy of its token."""

    key: KeyInfo
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MemberInfo:
    id: str
    email: str = field(repr=False)
    name: str = field(repr=False)
    role: OrganizationRole = OrganizationRole.MEMBER
    active: bool = True
    enrolled: bool = False
    """Has set a password and an authenticator."""
    version: int = 1


@dataclass(frozen=True, slots=True)
class MembershipInfo:
    """A member's role in one workspace."""

    member: MemberInfo
    workspace: str
    role: WorkspaceRole


@dataclass(frozen=True, slots=True)
class Invitation:
    """A new member and the secret with which they enrol, once and within three days."""

    member: MemberInfo
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a person's authenticator needs; shown once."""

    totp_secret: str = field(repr=False)
    """Base32, as authenticator apps take it."""
    uri: str = field(repr=False)
    """otpauth:// (Key URI format)."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """A new organization that can be used at once: what `bailiwick up` writes into cell.json. Secrets are the only copies."""

    organization: OrganizationInfo
    owner: MemberInfo
    workspace: WorkspaceInfo
    totp_secret: str = field(repr=False)
    """Base32."""
    api_key: str = field(repr=False)
    """Inference in the workspace."""
    admin_key: str = field(repr=False)
    """Management of the whole organization."""
