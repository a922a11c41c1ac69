"""`/api`: the organization and its agreement, regions, sub-processors, workspaces, keys and members."""

from __future__ import annotations

from django.urls import path

from workspaces.api.agreement import AgreementView
from workspaces.api.keys import (
    KeyList,
    KeyOne,
    KeyRotation,
    OrganizationKeyList,
    OrganizationKeyOne,
    OrganizationKeyRotation,
)
from workspaces.api.members import MemberList, MemberOne, MembershipList, MembershipOne
from workspaces.api.organization import OrganizationOne, RegionList
from workspaces.api.serving import ServingPolicyOne
from workspaces.api.subprocessors import AcknowledgementView, SubprocessorsView
from workspaces.api.workspaces import WorkspaceList, WorkspaceOne

urlpatterns = [
    path("organization", OrganizationOne.as_view()),
    path("organization/agreement", AgreementView.as_view()),
    path("organization/keys", OrganizationKeyList.as_view()),
    path("organization/keys/<str:key_id>", OrganizationKeyOne.as_view()),
    path("organization/keys/<str:key_id>/rotate", OrganizationKeyRotation.as_view()),
    path("regions", RegionList.as_view()),
    path("subprocessors", SubprocessorsView.as_view()),
    path("subprocessors/<int:version>/acknowledgement", AcknowledgementView.as_view()),
    path("members", MemberList.as_view()),
    path("members/<str:member_id>", MemberOne.as_view()),
    path("workspaces", WorkspaceList.as_view()),
    path("workspaces/<str:workspace_id>", WorkspaceOne.as_view()),
    path("workspaces/<str:workspace_id>/serving-policy", ServingPolicyOne.as_view()),
    path("workspaces/<str:workspace_id>/keys", KeyList.as_view()),
    path("workspaces/<str:workspace_id>/keys/<str:key_id>", KeyOne.as_view()),
    path("workspaces/<str:workspace_id>/keys/<str:key_id>/rotate", KeyRotation.as_view()),
    path("workspaces/<str:workspace_id>/members", MembershipList.as_view()),
    path("workspaces/<str:workspace_id>/members/<str:member_id>", MembershipOne.as_view()),
]
