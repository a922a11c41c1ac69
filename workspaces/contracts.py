"""What leaves this app: frozen values, with public ids, never models."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cell.access import Environment, Scope, WorkspaceRef
from workspaces.permissions import OrganizationRole, WorkspaceRole
from workspaces.serving import CacheScope, Lane, Preset

CONTACT_LENGTH = 300
"""Characters of each line that says how an organization is reached."""


@dataclass(frozen=True, slots=True)
class OrganizationInfo:
    """`address` to `dpo` say how the controller is reached; empty where it was not stated."""

    id: str
    handle: str
    name: str
    address: str
    contact: str
    representative: str
    dpo: str
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
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ServingInfo:
    """How a workspace is served: what its keys may ask for, and what the engine does with it."""

    preset: Preset | None
    """How stateless work is batched; None leaves it to the deployment."""
    cache_scope: CacheScope
    """Who may meet a prompt's cached keys and values again."""
    lanes: tuple[Lane, ...]
    concurrency: int
    """Inference calls that may run at once."""
    realtime_reserve_percent: int
    """The part of `concurrency` that only the realtime lane may use."""
    requests_per_minute: int
    tokens_per_minute: int
    """Of prompts and of answers together."""
    queued_tokens: int | None
    """Tokens that may wait in one lane of an engine; None leaves it to the engine."""
    weight_percent: int
    """Its share of an engine beside others', 100 being the usual one. Set by the organization, not by the workspace."""
    version: int = 1

    @property
    def realtime_reserve(self) -> int:
        """Places of `concurrency` that are kept for the realtime lane."""
        return self.concurrency * self.realtime_reserve_percent // 100


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
