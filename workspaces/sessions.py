"""The web session of a signed-in member: 30 minutes idle, 12 hours at most, ended for good when they sign out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth import login, logout
from django.http import HttpRequest

from cell.access import Actor, ActorKind
from cell.tenancy import organization_scope
from workspaces.models import Member, Membership
from workspaces.permissions import ORGANIZATION_SCOPES, WORKSPACE_SCOPES, OrganizationRole, WorkspaceRole

IDLE_S = 30 * 60
LIFE_S = 12 * 3600
PENDING_S = 5 * 60
"""Between the password and the code."""
_SEEN_EVERY_S = 60
"""How often `seen_at` is written: a session row is not rewritten with every page."""

_BACKEND = "workspaces.sign_on.MemberBackend"
_PENDING, _SIGNED_IN_AT, _SEEN_AT = "pending", "signed_in_at", "seen_at"


@dataclass(frozen=True, slots=True)
class Pending:
    """A member whose password was right and who still owes the code."""

    member: UUID
    organization: UUID


def begin_pending(request: HttpRequest, pending: Pending) -> None:
    """Keeps who gave the right password, in a session of a new id: one planted before the sign-in leads nowhere."""
    request.session.flush()
    request.session[_PENDING] = {
        "member": str(pending.member),
        "organization": str(pending.organization),
        "until": int(time.time()) + PENDING_S,
    }


def pending_of(request: HttpRequest) -> Pending | None:
    kept = request.session.get(_PENDING)
    if kept is None or kept["until"] < time.time():
        return None
    return Pending(UUID(kept["member"]), UUID(kept["organization"]))


def begin(request: HttpRequest, member: Member) -> None:
    """Signs `member` in, in a session of a new id with a new CSRF token."""
    request.session.flush()
    login(request, member, backend=_BACKEND)
    request.session[_SIGNED_IN_AT] = request.session[_SEEN_AT] = int(time.time())


def end(request: HttpRequest) -> None:
    """Deletes the session in the database: a copy of its cookie is worth nothing afterwards."""
    logout(request)


def actor_of(request: HttpRequest) -> Actor | None:
    """The signed-in member as an actor, with what their roles allow at this moment; None if nobody is signed in."""
    member = request.user
    if not isinstance(member, Member):
        return None
    now = int(time.time())
    seen_at = request.session.get(_SEEN_AT, 0)
    if now - seen_at > IDLE_S or now - request.session.get(_SIGNED_IN_AT, 0) > LIFE_S:
        end(request)
        return None
    if now - seen_at >= _SEEN_EVERY_S:
        request.session[_SEEN_AT] = now
    return actor_of_member(member)


def actor_of_member(member: Member) -> Actor:
    """What `member` may do, by the permission table."""
    with organization_scope(member.organization_id):
        roles = dict(Membership.objects.filter(member_id=member.id).values_list("workspace_id", "role"))
    return Actor(
        kind=ActorKind.MEMBER,
        id=member.id,
        organization=member.organization_id,
        scopes=ORGANIZATION_SCOPES[OrganizationRole(member.role)],
        workspace_scopes={workspace: WORKSPACE_SCOPES[WorkspaceRole(role)] for workspace, role in roles.items()},
        auth="password+totp",
    )
