from __future__ import annotations

import pyotp
import pytest

from audit.models import AuditEntry
from cell.access import Scope
from cell.config import config
from cell.problems import Problem
from cell.tenancy import organization_scope
from tests.factories import Organization, make_key, make_member, make_workspace
from tests.workspaces.conftest import Api
from workspaces.enrolment import enrolment_begin, enrolment_complete
from workspaces.models import Membership
from workspaces.permissions import ORGANIZATION_SCOPES, WORKSPACE_SCOPES, OrganizationRole, WorkspaceRole
from workspaces.services import member_invite, member_remove, member_update, membership_set


def _id(number: object) -> str:
    return f"mem_{config().cell}_{number.hex}"  # type: ignore[attr-defined]  # a UUID


def test_every_role_has_a_row_and_only_the_owner_everything() -> None:
    assert set(ORGANIZATION_SCOPES) == set(OrganizationRole)
    assert set(WORKSPACE_SCOPES) == set(WorkspaceRole)
    assert [role for role, scopes in ORGANIZATION_SCOPES.items() if scopes == frozenset(Scope)] == [
        OrganizationRole.OWNER
    ]
    assert WORKSPACE_SCOPES[WorkspaceRole.AUDITOR] == {Scope.AUDIT_READ, Scope.AUDIT_EXPORT}


def test_a_member_is_invited_enrols_once_and_is_then_known(organization: Organization, api: Api) -> None:
    answer = api("POST", "members", {"email": "Ada@Example.org", "name": "Ada"})
    invited = answer.json()
    secret = invited["enrolment_url"].rsplit("/", 1)[1]
    shown = enrolment_begin(member=invited["id"], secret=secret)
    arguments = {"member": invited["id"], "secret": secret}
    code = pyotp.TOTP(shown.totp_secret).now()

    with pytest.raises(Problem, match="too short"):
        enrolment_complete(**arguments, password="short", code=code)
    with pytest.raises(Problem, match="code does not fit"):
        enrolment_complete(**arguments, password="a long passphrase", code="000")
    enrolled = enrolment_complete(**arguments, password="a long passphrase", code=code)

    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    assert invited["email"] == "ada@example.org"
    assert not invited["enrolled"]
    assert enrolled.enrolled
    with pytest.raises(Problem, match="nothing here"):
        enrolment_begin(member=invited["id"], secret=secret)


def test_an_invitation_does_not_open_another_member(organization: Organization) -> None:
    one, other = (
        member_invite(
            actor=organization.owner,
            organization=organization.id,
            email=f"{name}@example.org",
            name=name,
            role=OrganizationRole.MEMBER,
        )
        for name in ("one", "other")
    )

    with pytest.raises(Problem, match="nothing here"):
        enrolment_begin(member=one.member.id, secret=other.secret)


def test_an_address_is_a_member_once(api: Api) -> None:
    first = api("POST", "members", {"email": "ada@example.org", "name": "Ada"})
    second = api("POST", "members", {"email": "ADA@example.org", "name": "Ada again"})

    assert first.status_code == 201
    assert (second.status_code, second.json()["title"]) == (409, "member-exists")


def test_the_last_owner_stays(organization: Organization) -> None:
    owner = organization.bootstrap.owner.id
    second = make_member(organization, OrganizationRole.OWNER)
    place = {"actor": organization.owner, "organization": organization.id}

    demoted = member_update(**place, member=_id(second.id), changes={"role": "member"})
    for attempt in ({"role": "member"}, {"is_active": False}):
        with pytest.raises(Problem, match="keeps one active owner"):
            member_update(**place, member=owner, changes=attempt)
    with pytest.raises(Problem, match="keeps one active owner"):
        member_remove(**place, member=owner)
    member_update(**place, member=_id(second.id), changes={"role": "owner"})
    member_remove(**place, member=owner)

    assert demoted.role is OrganizationRole.MEMBER


def test_an_inactive_owner_does_not_count(organization: Organization) -> None:
    second = make_member(organization, OrganizationRole.OWNER)
    place = {"actor": organization.owner, "organization": organization.id}
    member_update(**place, member=_id(second.id), changes={"is_active": False})

    with pytest.raises(Problem, match="keeps one active owner"):
        member_remove(**place, member=organization.bootstrap.owner.id)


def test_nobody_makes_or_unmakes_somebody_stronger(organization: Organization) -> None:
    admin = make_member(organization, OrganizationRole.SECURITY_ADMIN)
    place = {"actor": admin.actor, "organization": organization.id}

    for attempt in (
        lambda: member_invite(**place, email="new@example.org", name="New", role=OrganizationRole.OWNER),
        lambda: member_update(**place, member=_id(admin.id), changes={"role": "owner"}),
        lambda: member_update(**place, member=organization.bootstrap.owner.id, changes={"role": "member"}),
        lambda: member_remove(**place, member=organization.bootstrap.owner.id),
        lambda: membership_set(
            actor=admin.actor, workspace=organization.workspace, member=_id(admin.id), role=WorkspaceRole.ADMIN
        ),
    ):
        with pytest.raises(Problem, match="more than you may yourself") as caught:
            attempt()
        assert caught.value.status_code == 403
    assert member_invite(**place, email="new@example.org", name="New", role=OrganizationRole.BILLING).member.active


def test_a_role_in_a_workspace_counts_there_only(organization: Organization, api: Api) -> None:
    other = make_workspace(organization)
    path = f"workspaces/{organization.workspace_id}/members"
    person = make_member(organization)

    given = api("PUT", f"{path}/{_id(person.id)}", {"role": "viewer"})
    changed = api("PUT", f"{path}/{_id(person.id)}", {"role": "dpo"})
    listed = api("GET", path).json()["results"]
    actor = make_member(organization, workspace=organization.workspace, workspace_role=WorkspaceRole.DPO).actor

    assert (given.json()["role"], changed.json()["role"]) == ("viewer", "dpo")
    assert [(row["member"]["id"], row["role"]) for row in listed] == [(_id(person.id), "dpo")]
    assert actor.may(Scope.ERASURES_WRITE, organization.workspace.id)
    assert not actor.may(Scope.ERASURES_WRITE, other.id)
    assert not actor.may(Scope.ERASURES_WRITE)
    assert api("DELETE", f"{path}/{_id(person.id)}").status_code == 204
    assert api("DELETE", f"{path}/{_id(person.id)}").status_code == 404


def test_a_removed_member_leaves_nothing_but_pseudonyms(organization: Organization, api: Api) -> None:
    person = make_member(
        organization, workspace=organization.workspace, workspace_role=WorkspaceRole.VIEWER, email="gone@example.org"
    )

    removed = api("DELETE", f"members/{_id(person.id)}")

    with organization_scope(organization.id):
        assert not Membership.objects.filter(member_id=person.id).exists()
        bodies = b"\n".join(bytes(body) for body in AuditEntry.objects.values_list("body", flat=True))
    assert removed.status_code == 204
    assert b'"member.removed"' in bodies
    assert b"gone@example.org" not in bodies
    assert person.id.hex.encode() not in bodies
    assert "gone@example.org" not in api("GET", "members").content.decode()


def test_a_member_update_needs_the_version_that_was_read(organization: Organization, api: Api) -> None:
    path = f"members/{_id(make_member(organization).id)}"
    version = api("GET", path)["ETag"]

    changed = api("PATCH", path, {"role": "billing", "active": False}, **{"If-Match": version})
    stale = api("PATCH", path, {"role": "member"}, **{"If-Match": version})

    assert (changed.status_code, changed.json()["role"], changed.json()["active"]) == (200, "billing", False)
    assert stale.status_code == 412


def test_members_are_read_with_their_scope_only(organization: Organization) -> None:
    blind = Api(make_key(organization, scopes=[Scope.WORKSPACES_READ]).token)

    assert blind("GET", "members").status_code == 403
    assert blind("GET", "organization").status_code == 200
