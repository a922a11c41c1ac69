"""The console's pages."""

from __future__ import annotations

from django.urls import path

from console.views.audit import AuditLog
from console.views.data_protection import AgreementAcceptance, DataProtection, SubprocessorsAcknowledgement
from console.views.erasures import Certificate, ErasureList, ErasureOne
from console.views.keys import KeyList, KeyRevocation, OrganizationKeyList, OrganizationKeyRevocation
from console.views.members import MemberRemoval, MembershipRemoval, OrganizationMembers, WorkspaceMembers
from console.views.organization_schedules import (
    OrganizationScheduleEnd,
    OrganizationScheduleList,
    OrganizationScheduleRetry,
)
from console.views.proofs import ProofFile, Verify
from console.views.records import Records
from console.views.redaction import RedactionDocument, RedactionOne, RedactionTrial
from console.views.requests import RequestList
from console.views.retention import HoldPlacing, HoldRelease, Retention
from console.views.schedules import DeliveryDownload, ScheduleEnd, ScheduleList, ScheduleRetry
from console.views.sign_in import Enrol, SignIn, SignInCode, SignOut
from console.views.subject_exports import SubjectExportNew
from console.views.usage import UsageOne
from console.views.witnesses import WitnessDrop, Witnesses
from console.views.workspaces import (
    Home,
    RegionLock,
    Serving,
    State,
    WorkspaceList,
    WorkspaceNew,
    WorkspaceOne,
)

urlpatterns = [
    path("", Home.as_view(), name="home"),
    path("sign-in", SignIn.as_view(), name="sign-in"),
    path("sign-in/code", SignInCode.as_view(), name="sign-in-code"),
    path("sign-out", SignOut.as_view(), name="sign-out"),
    path("enrol/<str:member_id>/<str:secret>", Enrol.as_view(), name="enrol"),
    path("organization/members", OrganizationMembers.as_view(), name="organization-members"),
    path("organization/members/<str:member_id>/remove", MemberRemoval.as_view(), name="member-remove"),
    path("organization/keys", OrganizationKeyList.as_view(), name="organization-keys"),
    path("organization/keys/<str:key_id>/revoke", OrganizationKeyRevocation.as_view(), name="organization-key-revoke"),
    path("organization/schedules", OrganizationScheduleList.as_view(), name="organization-schedules"),
    path(
        "organization/schedules/<str:schedule_id>/retry",
        OrganizationScheduleRetry.as_view(),
        name="organization-schedule-retry",
    ),
    path(
        "organization/schedules/<str:schedule_id>/end",
        OrganizationScheduleEnd.as_view(),
        name="organization-schedule-end",
    ),
    path("organization/data-protection", DataProtection.as_view(), name="data-protection"),
    path("organization/agreement/accept", AgreementAcceptance.as_view(), name="agreement-accept"),
    path(
        "organization/subprocessors/<int:version>/acknowledge",
        SubprocessorsAcknowledgement.as_view(),
        name="subprocessors-acknowledge",
    ),
    path("workspaces", WorkspaceList.as_view(), name="workspaces"),
    path("workspaces/new", WorkspaceNew.as_view(), name="workspace-new"),
    path("workspaces/<str:workspace_id>", WorkspaceOne.as_view(), name="workspace"),
    path("workspaces/<str:workspace_id>/region-lock", RegionLock.as_view(), name="region-lock"),
    path("workspaces/<str:workspace_id>/state", State.as_view(), name="state"),
    path("workspaces/<str:workspace_id>/serving", Serving.as_view(), name="serving"),
    path("workspaces/<str:workspace_id>/retention", Retention.as_view(), name="retention"),
    path("workspaces/<str:workspace_id>/holds", HoldPlacing.as_view(), name="holds"),
    path("workspaces/<str:workspace_id>/holds/<str:hold_id>/release", HoldRelease.as_view(), name="hold-release"),
    path("workspaces/<str:workspace_id>/keys", KeyList.as_view(), name="keys"),
    path("workspaces/<str:workspace_id>/keys/<str:key_id>/revoke", KeyRevocation.as_view(), name="key-revoke"),
    path("workspaces/<str:workspace_id>/members", WorkspaceMembers.as_view(), name="members"),
    path(
        "workspaces/<str:workspace_id>/members/<str:member_id>/remove",
        MembershipRemoval.as_view(),
        name="membership-remove",
    ),
    path("workspaces/<str:workspace_id>/audit", AuditLog.as_view(), name="audit"),
    path("workspaces/<str:workspace_id>/witnesses", Witnesses.as_view(), name="witnesses"),
    path("workspaces/<str:workspace_id>/witnesses/<str:key>/drop", WitnessDrop.as_view(), name="witness-drop"),
    path("workspaces/<str:workspace_id>/audit/<str:entry_id>/proof", ProofFile.as_view(), name="proof"),
    path("verify", Verify.as_view(), name="verify"),
    path("workspaces/<str:workspace_id>/schedules", ScheduleList.as_view(), name="schedules"),
    path(
        "workspaces/<str:workspace_id>/schedules/<str:schedule_id>/retry",
        ScheduleRetry.as_view(),
        name="schedule-retry",
    ),
    path("workspaces/<str:workspace_id>/schedules/<str:schedule_id>/end", ScheduleEnd.as_view(), name="schedule-end"),
    path(
        "workspaces/<str:workspace_id>/schedules/<str:schedule_id>/deliveries/<str:delivery_id>",
        DeliveryDownload.as_view(),
        name="delivery-download",
    ),
    path("workspaces/<str:workspace_id>/requests", RequestList.as_view(), name="requests"),
    path("workspaces/<str:workspace_id>/usage", UsageOne.as_view(), name="usage"),
    path("workspaces/<str:workspace_id>/redaction", RedactionOne.as_view(), name="redaction"),
    path("workspaces/<str:workspace_id>/redaction/document", RedactionDocument.as_view(), name="redaction-document"),
    path("workspaces/<str:workspace_id>/redaction/trial", RedactionTrial.as_view(), name="redaction-trial"),
    path("workspaces/<str:workspace_id>/records", Records.as_view(), name="records"),
    path("workspaces/<str:workspace_id>/subject-export", SubjectExportNew.as_view(), name="subject-export"),
    path("workspaces/<str:workspace_id>/erasures", ErasureList.as_view(), name="erasures"),
    path("workspaces/<str:workspace_id>/erasures/<str:erasure_id>", ErasureOne.as_view(), name="erasure"),
    path(
        "workspaces/<str:workspace_id>/erasures/<str:erasure_id>/certificate", Certificate.as_view(), name="certificate"
    ),
]
