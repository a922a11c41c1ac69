"""Reads: lists and frozen values, never querysets, which would come back empty outside their scope.

Each opens the tenant's scope itself and filters by it too: two layers.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from audit.pseudonyms import member_pseudonym
from cell.access import Actor, ActorKind, Environment, Scope, WorkspaceRef
from cell.config import config
from cell.ids import Tag
from cell.own_ids import own_id
from cell.problems import not_found
from cell.tenancy import organization_scope
from workspaces.access import number_of
from workspaces.contracts import KeyInfo, MemberInfo, MembershipInfo, OrganizationInfo, ServingInfo, WorkspaceInfo
from workspaces.models import Key, Member, Membership, Organization, ServingPolicy, Workspace, WorkspaceState
from workspaces.permissions import OrganizationRole, WorkspaceRole
from workspaces.serving import CacheScope, Lane, Preset


def organization_get(organization: UUID) -> OrganizationInfo:
    with organization_scope(organization):
        return organization_info(Organization.objects.get(id=organization))


def workspace_get(workspace: WorkspaceRef) -> WorkspaceInfo:
    with organization_scope(workspace.organization):
        return workspace_info(Workspace.objects.get(organization_id=workspace.organization, id=workspace.id))


def serving_get(workspace: WorkspaceRef) -> ServingInfo:
    with organization_scope(workspace.organization):
        return serving_info(serving_rows(workspace).get())


def workspace_list(actor: Actor) -> list[WorkspaceInfo]:
    """The workspaces in which the actor has any scope, newest first."""
    if actor.organization is None:
        return []
    with organization_scope(actor.organization):
        rows = workspace_rows(actor.organization).order_by("-id")
        return [workspace_info(row) for row in rows if actor.scopes_in(row.id)]


def workspaces_open(organization: UUID) -> list[WorkspaceRef]:
    """All workspaces of the organization that are not erased, oldest first."""
    with organization_scope(organization):
        rows = workspace_rows(organization).exclude(state=WorkspaceState.ERASED).order_by("id")
        return [workspace_info(row).ref for row in rows]


def key_list(organization: UUID, workspace: WorkspaceRef | None) -> list[KeyInfo]:
    """Keys of the workspace, or the organization's management keys without one; newest first, ended ones included."""
    with organization_scope(organization):
        return [key_info(row) for row in key_rows(organization, workspace).order_by("-id")]


def key_get(organization: UUID, workspace: WorkspaceRef | None, key: str) -> KeyInfo:
    """Raises Problem 404."""
    number = number_of(key, Tag.KEY)
    with organization_scope(organization):
        row = key_rows(organization, workspace).filter(id=number).first()
        if row is None:
            raise not_found()
        return key_info(row)


def member_list(organization: UUID) -> list[MemberInfo]:
    """Everyone in the organization, by name."""
    with organization_scope(organization):
        return [member_info(row) for row in member_rows(organization).order_by("name", "id")]


def member_get(organization: UUID, member: str) -> MemberInfo:
    """Raises Problem 404."""
    number = number_of(member, Tag.MEMBER)
    with organization_scope(organization):
        row = member_rows(organization).filter(id=number).first()
        if row is None:
            raise not_found()
        return member_info(row)


def membership_list(workspace: WorkspaceRef) -> list[MembershipInfo]:
    """Who has a role in the workspace, by name. Roles in the organization come on top and are not repeated here."""
    with organization_scope(workspace.organization):
        return [membership_info(row) for row in membership_rows(workspace).order_by("member__name", "id")]


def name_of(actor: Actor, organization: UUID) -> str:
    """How a record that outlives people names whoever acted for the organization: as its entries do."""
    if actor.kind is ActorKind.MEMBER and actor.id is not None:
        return f"member:{member_pseudonym(actor.id, organization=organization)}"
    return own_id(Tag.KEY, actor.id) if actor.kind is ActorKind.KEY and actor.id is not None else "cell"


# Unevaluated rows, for who pages through them or locks them inside a scope of their own.


def workspace_rows(organization: UUID) -> QuerySet[Workspace]:
    return Workspace.objects.filter(organization_id=organization)


def serving_rows(workspace: WorkspaceRef) -> QuerySet[ServingPolicy]:
    return ServingPolicy.objects.filter(organization_id=workspace.organization, workspace_id=workspace.id)


def key_rows(organization: UUID, workspace: WorkspaceRef | None) -> QuerySet[Key]:
    """Of the workspace, or the organization's own without one."""
    if workspace is None:
        return Key.objects.filter(organization_id=organization, workspace_id__isnull=True)
    return Key.objects.filter(organization_id=organization, workspace_id=workspace.id)


def member_rows(organization: UUID) -> QuerySet[Member]:
    return Member.objects.filter(organization_id=organization)


def membership_rows(workspace: WorkspaceRef) -> QuerySet[Membership]:
    rows = Membership.objects.filter(organization_id=workspace.organization, workspace_id=workspace.id)
    return rows.select_related("member")


def organization_info(row: Organization) -> OrganizationInfo:
    return OrganizationInfo(
        id=own_id(Tag.ORGANIZATION, row.id),
        handle=row.handle,
        name=row.name,
        address=row.address,
        contact=row.contact,
        representative=row.representative,
        dpo=row.dpo,
        version=row.version,
        created_at=row.created_at,
    )


def workspace_info(row: Workspace) -> WorkspaceInfo:
    environment = Environment(row.environment)
    return WorkspaceInfo(
        ref=WorkspaceRef(row.id, row.organization_id, row.region, environment),
        id=own_id(Tag.WORKSPACE, row.id),
        name=row.name,
        environment=environment,
        region=row.region,
        region_locked=row.region_locked,
        state=row.state,
        version=row.version,
        created_at=row.created_at,
    )


def serving_info(row: ServingPolicy) -> ServingInfo:
    return ServingInfo(
        preset=None if row.preset is None else Preset(row.preset),
        cache_scope=CacheScope(row.cache_scope),
        lanes=tuple(Lane(lane) for lane in row.lanes),
        concurrency=row.concurrency,
        realtime_reserve_percent=row.realtime_reserve_percent,
        requests_per_minute=row.requests_per_minute,
        tokens_per_minute=row.tokens_per_minute,
        queued_tokens=row.queued_tokens,
        weight_percent=row.weight_percent,
        version=row.version,
    )


def key_info(row: Key) -> KeyInfo:
    return KeyInfo(
        id=own_id(Tag.KEY, row.id),
        prefix=f"sk-{config().cell}-{row.key_id}",
        name=row.name,
        workspace=own_id(Tag.WORKSPACE, row.workspace_id) if row.workspace_id else None,
        scopes=tuple(Scope(scope) for scope in row.scopes),
        cidrs=tuple(row.cidrs),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        successor_of=own_id(Tag.KEY, row.successor_of) if row.successor_of else None,
    )


def member_info(row: Member) -> MemberInfo:
    return MemberInfo(
        id=own_id(Tag.MEMBER, row.id),
        email=row.email,
        name=row.name,
        role=OrganizationRole(row.role),
        active=row.is_active,
        enrolled=row.totp_secret is not None,
        version=row.version,
    )


def membership_info(row: Membership) -> MembershipInfo:
    return MembershipInfo(member_info(row.member), own_id(Tag.WORKSPACE, row.workspace_id), WorkspaceRole(row.role))
