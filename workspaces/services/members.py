"""Members and their roles. Nobody gives or takes a role that allows more than they may themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.tokens import default_token_generator
from django.db import IntegrityError, transaction

from audit import log
from audit.actions import Action
from cell.access import Actor, Scope, WorkspaceRef
from cell.ids import Tag
from cell.problems import Problem, not_found
from cell.tenancy import organization_scope
from workspaces.access import number_of
from workspaces.contracts import Invitation, MemberInfo, MembershipInfo
from workspaces.models import Member, Membership
from workspaces.permissions import ORGANIZATION_SCOPES, WORKSPACE_SCOPES, OrganizationRole, WorkspaceRole
from workspaces.selectors import member_info, membership_info
from workspaces.services.changes import apply_changes, validate

CHANGEABLE = frozenset({"name", "role", "is_active"})


def member_invite(*, actor: Actor, organization: UUID, email: str, name: str, role: OrganizationRole) -> Invitation:
    """A member who has yet to enrol with the invitation's secret (`workspaces.enrolment`).

    Raises Problem: 400, 403 if the role allows more than the actor may, 409 if the address is a member's already.
    """
    _require_held(actor.scopes, ORGANIZATION_SCOPES[role])
    with organization_scope(organization):
        row = Member(organization_id=organization, email=email.strip().lower(), name=name, role=role.value)
        row.set_unusable_password()
        validate(row)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            raise Problem(409, "member-exists", "There is a member with this e-mail address already.") from error
        info = member_info(row)
        _record(actor, Action.MEMBER_CREATED, organization, row.id, after={"role": role.value, "state": "invited"})
        return Invitation(info, default_token_generator.make_token(row))


def member_update(
    *,
    actor: Actor,
    organization: UUID,
    member: str,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
) -> MemberInfo:
    """Changes fields of `CHANGEABLE`. It counts at once: the roles of a session are read with every request.

    Raises Problem: 400, 403, 404, 409 for the last active owner, 412.
    """
    if unknown := sorted(set(changes) - CHANGEABLE):
        raise Problem(400, "not-changeable", f"These fields cannot be changed: {', '.join(unknown)}.")
    with organization_scope(organization):
        owners = _lock_owners(organization)
        row = _locked(organization, member)
        _require_held(actor.scopes, ORGANIZATION_SCOPES[OrganizationRole(row.role)])
        if "role" in changes:
            _require_held(actor.scopes, ORGANIZATION_SCOPES[OrganizationRole(changes["role"])])
        stays_owner = changes.get("role", row.role) == OrganizationRole.OWNER and changes.get(
            "is_active", row.is_active
        )
        if owners == [row.id] and not stays_owner:
            raise _last_owner()
        before, after = apply_changes(row, changes, expected_version=expected_version)
        info = member_info(row)
        if after:
            _record(actor, Action.MEMBER_UPDATED, organization, row.id, before=_shown(before), after=_shown(after))
        return info


def member_remove(*, actor: Actor, organization: UUID, member: str) -> None:
    """Deletes a member with all that is known of them; entries keep a pseudonym. Their sessions end with them.

    Keys they issued belong to their workspace and go on. Raises Problem: 403, 404, 409 for the last active owner.
    """
    with organization_scope(organization):
        owners = _lock_owners(organization)
        row = _locked(organization, member)
        _require_held(actor.scopes, ORGANIZATION_SCOPES[OrganizationRole(row.role)])
        if owners == [row.id]:
            raise _last_owner()
        number, role = row.id, row.role  # deleting clears them
        row.delete()
        _record(actor, Action.MEMBER_REMOVED, organization, number, before={"role": role})


def membership_set(*, actor: Actor, workspace: WorkspaceRef, member: str, role: WorkspaceRole) -> MembershipInfo:
    """Gives a member of the organization a role in the workspace, in place of the one they had. Raises Problem 403, 404."""
    held = actor.scopes_in(workspace.id)
    _require_held(held, WORKSPACE_SCOPES[role])
    with organization_scope(workspace.organization):
        person = _locked(workspace.organization, member)
        row = Membership.objects.filter(workspace_id=workspace.id, member_id=person.id).first()
        if row is None:
            before, action = None, Action.MEMBERSHIP_GRANTED
            row = Membership(
                organization_id=workspace.organization, workspace_id=workspace.id, member=person, role=role.value
            )
            row.save(force_insert=True)
        else:
            _require_held(held, WORKSPACE_SCOPES[WorkspaceRole(row.role)])
            before, action = {"role": row.role}, Action.MEMBERSHIP_CHANGED
            row.member, row.role = person, role.value
            row.save(update_fields=["role"])
        info = membership_info(row)
        _record(actor, action, workspace, person.id, before=before, after={"role": role.value})
        return info


def membership_remove(*, actor: Actor, workspace: WorkspaceRef, member: str) -> None:
    """Takes a member's role in the workspace away. Raises Problem: 403, 404 if they have none."""
    number = number_of(member, Tag.MEMBER)
    with organization_scope(workspace.organization):
        rows = Membership.objects.select_related("member").filter(
            organization_id=workspace.organization, workspace_id=workspace.id, member_id=number
        )
        row = rows.first()
        if row is None:
            raise not_found()
        _require_held(actor.scopes_in(workspace.id), WORKSPACE_SCOPES[WorkspaceRole(row.role)])
        info = membership_info(row)
        row.delete()
        _record(actor, Action.MEMBERSHIP_REVOKED, workspace, number, before={"role": info.role.value})


def _locked(organization: UUID, member: str) -> Member:
    number = number_of(member, Tag.MEMBER)
    row = Member.objects.select_for_update().filter(organization_id=organization, id=number).first()
    if row is None:
        raise not_found()
    return row


def _require_held(held: frozenset[Scope], needed: frozenset[Scope]) -> None:
    if lacking := sorted(needed - held):
        raise Problem(403, "role-not-held", "This role allows more than you may yourself.", scopes=lacking)


def _lock_owners(organization: UUID) -> list[UUID]:
    """The active owners, locked in one order: of two owners who remove each other at once, one stays."""
    rows = Member.objects.select_for_update().filter(
        organization_id=organization, role=OrganizationRole.OWNER.value, is_active=True
    )
    return [row.id for row in rows.order_by("id")]


def _last_owner() -> Problem:
    return Problem(409, "last-owner", "An organization keeps one active owner. Make somebody else an owner first.")


def _shown(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry may hold: no name, and `state` for whether they may sign in."""
    shown = {"role": str(fields["role"])} if "role" in fields else {}
    if "is_active" in fields:
        shown["state"] = "active" if fields["is_active"] else "suspended"
    return shown


def _record(
    actor: Actor,
    action: Action,
    place: UUID | WorkspaceRef,
    member: UUID,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    workspace = place if isinstance(place, WorkspaceRef) else None
    log.record(
        actor=actor,
        action=action,
        workspace=workspace,
        organization=place.organization if isinstance(place, WorkspaceRef) else place,
        scope=Scope.MEMBERS_WRITE,
        targets=[(Tag.MEMBER, member)],
        before=before,
        after=after,
    )
