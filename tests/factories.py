"""Organizations, workspaces, members and keys for tests, made through the services that make them in production.

They commit unless the test runs in a transaction of its own: a test that must commit makes its own organization and leaves it.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from cell.access import Actor, ActorKind, Environment, Scope, WorkspaceRef, system_actor
from cell.config import config
from cell.ids import Tag, untag
from cell.tenancy import organization_scope
from workspaces.contracts import Bootstrap, IssuedKey
from workspaces.models import Member
from workspaces.permissions import OrganizationRole, WorkspaceRole
from workspaces.services import key_issue, membership_set, organization_bootstrap, workspace_create
from workspaces.sessions import actor_of_member
from workspaces.sign_on import new_totp_secret, seal_totp, totp_text

PASSWORD = "correct horse battery staple"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Organization:
    """A fresh organization: its id, its first workspace, keys and owner."""

    id: UUID
    bootstrap: Bootstrap
    owner: Actor

    @property
    def workspace(self) -> WorkspaceRef:
        return self.bootstrap.workspace.ref

    @property
    def workspace_id(self) -> str:
        """The first workspace's public id."""
        return self.bootstrap.workspace.id

    @property
    def api_key(self) -> str:
        return self.bootstrap.api_key

    @property
    def admin_key(self) -> str:
        return self.bootstrap.admin_key


@dataclass(frozen=True, slots=True)
class Person:
    """A member who can sign in."""

    id: UUID
    email: str
    password: str
    totp_secret: str
    """Base32, as `pyotp.TOTP` takes it."""
    actor: Actor


def make_organization() -> Organization:
    """An organization with an owner, one workspace, an inference key and a management key."""
    unique = f"{next(_numbers)}-{secrets.token_hex(4)}"
    made = organization_bootstrap(
        handle=f"org-{unique}", name=f"Organization {unique}", email=f"owner-{unique}@example.org", password=PASSWORD
    )
    organization = made.workspace.ref.organization
    return Organization(organization, made, _actor(made.owner.id, organization))


def make_workspace(
    organization: Organization, *, name: str = "Workspace", environment: Environment = Environment.PRODUCTION
) -> WorkspaceRef:
    created = workspace_create(
        actor=organization.owner, organization=organization.id, name=name, environment=environment
    )
    return created.ref


def make_key(
    organization: Organization,
    workspace: WorkspaceRef | None = None,
    *,
    scopes: Collection[Scope] = frozenset(Scope),
    days: int = 90,
    cidrs: Sequence[str] = (),
) -> IssuedKey:
    """A key of `workspace`, or of the whole organization without one."""
    return key_issue(
        actor=organization.owner,
        organization=organization.id,
        workspace=workspace,
        name="Key of a test",
        scopes=scopes,
        days=days,
        cidrs=cidrs,
    )


def make_member(
    organization: Organization,
    role: OrganizationRole = OrganizationRole.MEMBER,
    *,
    workspace: WorkspaceRef | None = None,
    workspace_role: WorkspaceRole | None = None,
    email: str | None = None,
    password: str = PASSWORD,
) -> Person:
    """A member who has enrolled, with a role in `workspace` if one is given."""
    secret = new_totp_secret()
    email = email or f"member-{next(_numbers)}-{secrets.token_hex(4)}@example.org"
    with organization_scope(organization.id):
        row = Member(organization_id=organization.id, email=email, name="A member", role=role.value)
        row.set_password(password)
        row.totp_secret = seal_totp(row.id, secret)
        row.save(force_insert=True)
    if workspace is not None and workspace_role is not None:
        public_id = f"mem_{config().cell}_{row.id.hex}"
        membership_set(actor=organization.owner, workspace=workspace, member=public_id, role=workspace_role)
    return Person(row.id, email, password, totp_text(secret), actor_of_member(row))


def make_actor(organization: UUID, scopes: Collection[Scope] = frozenset(Scope)) -> Actor:
    """The cell itself acting in an organization with the given scopes."""
    return replace(system_actor("test", organization), scopes=frozenset(scopes))


def _actor(public_id: str, organization: UUID) -> Actor:
    number = untag(public_id, Tag.MEMBER, config().cell)
    return Actor(ActorKind.MEMBER, number, organization, scopes=frozenset(Scope), auth="password+totp")
