"""`/api/members` for the organization, `/api/workspaces/{id}/members` for roles in one workspace."""

from __future__ import annotations

from dataclasses import asdict
from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from cell.access import Scope
from workspaces.api.base import OrganizationView, matched, tagged_response
from workspaces.enrolment import enrolment_url
from workspaces.permissions import OrganizationRole, WorkspaceRole
from workspaces.selectors import member_get, member_info, member_rows, membership_info, membership_rows
from workspaces.serializers import InvitationOut, MemberIn, MemberOut, MemberPatch, MembershipIn, MembershipOut
from workspaces.services import member_invite, member_remove, member_update, membership_remove, membership_set


class MemberList(OrganizationView):
    needs: ClassVar = {"GET": Scope.MEMBERS_READ, "POST": Scope.MEMBERS_WRITE}

    @extend_schema(responses=MemberOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page(member_rows(self.organization), member_info, MemberOut)

    @extend_schema(request=MemberIn, responses={201: InvitationOut})
    def post(self, request: Request) -> Response:
        given = self.given(MemberIn)
        invitation = member_invite(
            actor=self.actor,
            organization=self.organization,
            email=given["email"],
            name=given["name"],
            role=OrganizationRole(given["role"]),
        )
        document = InvitationOut(asdict(invitation.member) | {"enrolment_url": enrolment_url(invitation)}).data
        return Response(document, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class MemberOne(OrganizationView):
    needs: ClassVar = {"GET": Scope.MEMBERS_READ, "PATCH": Scope.MEMBERS_WRITE, "DELETE": Scope.MEMBERS_WRITE}

    @extend_schema(responses=MemberOut)
    def get(self, request: Request, member_id: str) -> Response:
        return tagged_response(MemberOut(member_get(self.organization, member_id)).data)

    @extend_schema(request=MemberPatch, responses=MemberOut)
    def patch(self, request: Request, member_id: str) -> Response:
        current = member_get(self.organization, member_id)
        matched(request, MemberOut(current).data)
        updated = member_update(
            actor=self.actor,
            organization=self.organization,
            member=member_id,
            changes=self.given(MemberPatch),
            expected_version=current.version,
        )
        return tagged_response(MemberOut(updated).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, member_id: str) -> Response:
        member_remove(actor=self.actor, organization=self.organization, member=member_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MembershipList(OrganizationView):
    needs: ClassVar = {"GET": Scope.MEMBERS_READ}

    @extend_schema(responses=MembershipOut(many=True))
    def get(self, request: Request, workspace_id: str) -> Response:
        return self.page(membership_rows(self.workspace), membership_info, MembershipOut)


class MembershipOne(OrganizationView):
    needs: ClassVar = {"PUT": Scope.MEMBERS_WRITE, "DELETE": Scope.MEMBERS_WRITE}

    @extend_schema(request=MembershipIn, responses=MembershipOut)
    def put(self, request: Request, workspace_id: str, member_id: str) -> Response:
        role = WorkspaceRole(self.given(MembershipIn)["role"])
        membership = membership_set(actor=self.actor, workspace=self.workspace, member=member_id, role=role)
        return Response(MembershipOut(membership).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, workspace_id: str, member_id: str) -> Response:
        membership_remove(actor=self.actor, workspace=self.workspace, member=member_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
