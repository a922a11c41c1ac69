"""Management API of retention: the workspace's policy, its erasures and what is held back from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from cell.access import Scope, WorkspaceRef
from cell.api import CellView, Page, etag, require_match
from cell.ids import Tag
from cell.own_ids import own_id
from cell.problems import Problem
from cell.pseudonyms import LONGEST_SUBJECT
from retention import erasures, holds, policies
from retention.classes import beside_payloads
from retention.contracts import ErasureInfo, HoldInfo, Policy
from workspaces.access import number_of


class PolicySerializer(serializers.Serializer[Any]):
    store_payloads = serializers.BooleanField()
    payload_days = serializers.IntegerField(help_text="7 to 30; less or more takes an owner and a reason.")
    classes = serializers.DictField(
        child=serializers.IntegerField(),
        required=False,
        help_text="Days by class of data beside payloads, such as request_records. What is not named stays as it is.",
    )
    reason = serializers.CharField(
        max_length=500,
        required=False,
        default="",
        allow_blank=True,
        help_text="Why, outside of what is free to choose.",
    )
    version = serializers.IntegerField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True, allow_null=True)


class ScopeSerializer(serializers.Serializer[Any]):
    """What is meant: one of the three."""

    request = serializers.CharField(max_length=64, required=False, help_text="The request's id, as in x-request-id.")
    subject = serializers.CharField(
        max_length=LONGEST_SUBJECT,
        required=False,
        trim_whitespace=False,
        help_text="Who the requests are about, as your application sends it in `user` or `safety_identifier`.",
    )
    workspace = serializers.CharField(
        max_length=64, required=False, help_text="The workspace's id, once more: everything it holds is meant."
    )


class ErasureSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    scope = serializers.CharField(help_text="request, subject or workspace")
    request = serializers.CharField(allow_null=True)
    subject = serializers.CharField(allow_null=True, help_text="The workspace's pseudonym of the subject.")
    state = serializers.CharField()
    manifest = serializers.DictField(child=serializers.IntegerField(), allow_null=True)
    received_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    fenced_at = serializers.DateTimeField(allow_null=True)
    erased_at = serializers.DateTimeField(allow_null=True)
    certified = serializers.BooleanField()
    beyond_recovery = serializers.BooleanField(help_text="Whether the second certificate can be downloaded.")


class PreviewSerializer(serializers.Serializer[Any]):
    found = serializers.DictField(child=serializers.IntegerField(), help_text="Items in each store.")


class HoldRequestSerializer(ScopeSerializer):
    reason = serializers.CharField(max_length=500, help_text="Why, such as the reference of the claim.")


class HoldSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    scope = serializers.CharField()
    request = serializers.CharField(allow_null=True)
    subject = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    placed_at = serializers.DateTimeField()
    released_at = serializers.DateTimeField(allow_null=True)


class RetentionPolicyView(CellView):
    needs = {"GET": Scope.RETENTION_READ, "PUT": Scope.RETENTION_WRITE}

    @extend_schema(responses=PolicySerializer)
    def get(self, request: Request, workspace_id: str) -> Response:
        return _policy_response(policies.retention_policy(self.workspace))

    @extend_schema(request=PolicySerializer, responses=PolicySerializer)
    def put(self, request: Request, workspace_id: str) -> Response:
        current = policies.retention_policy(self.workspace)
        require_match(request, _policy_etag(current))
        form = PolicySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        decided = policies.retention_policy_set(
            actor=self.actor, workspace=self.workspace, expected_version=current.version, **form.validated_data
        )
        return _policy_response(decided)


class ErasuresView(CellView):
    needs = {"GET": Scope.ERASURES_READ, "POST": Scope.ERASURES_WRITE}

    @extend_schema(responses=ErasureSerializer(many=True))
    def get(self, request: Request, workspace_id: str) -> Response:
        page = Page()
        found = erasures.erasure_list(self.workspace, page.pager(request, self))
        return page.get_paginated_response([_erasure(info) for info in found])

    @extend_schema(
        request=ScopeSerializer,
        parameters=[OpenApiParameter("dry_run", bool, description="Only say what it would find.")],
        responses={202: ErasureSerializer, 200: ErasureSerializer},
    )
    def post(self, request: Request, workspace_id: str) -> Response:
        form = ScopeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = _asked(self.workspace, form.validated_data)
        if request.query_params.get("dry_run", "").lower() in ("true", "1"):
            found = erasures.erasure_preview(workspace=self.workspace, **asked)
            return Response(PreviewSerializer({"found": found}).data)
        info, created = erasures.erasure_request(actor=self.actor, workspace=self.workspace, **asked)
        body = _erasure(info)
        return Response(
            body,
            status=status.HTTP_202_ACCEPTED if created else status.HTTP_200_OK,
            headers={"Location": f"{request.path}/{body['id']}"},
        )


class ErasureView(CellView):
    needs = {"GET": Scope.ERASURES_READ}

    @extend_schema(responses=ErasureSerializer)
    def get(self, request: Request, workspace_id: str, erasure_id: str) -> Response:
        return Response(_erasure(erasures.erasure_get(self.workspace, number_of(erasure_id, Tag.ERASURE))))


class CertificateView(CellView):
    """The first certificate, and with `final` the second one, which says that no backup brings it back."""

    needs = {"GET": Scope.ERASURES_READ}

    @extend_schema(
        parameters=[OpenApiParameter("final", bool)],
        responses={(200, "application/json"): OpenApiResponse(description="The certificate's file.")},
    )
    def get(self, request: Request, workspace_id: str, erasure_id: str) -> HttpResponse:
        number = number_of(erasure_id, Tag.ERASURE)
        final = request.query_params.get("final", "").lower() in ("true", "1")
        text = erasures.certificate_download(actor=self.actor, workspace=self.workspace, erasure=number, final=final)
        name = f"certificate-{own_id(Tag.ERASURE, number)}{'-final' if final else ''}.json"
        return HttpResponse(
            text,
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


class HoldsView(CellView):
    needs = {"GET": Scope.ERASURES_READ, "POST": Scope.ERASURES_WRITE}

    @extend_schema(responses=HoldSerializer(many=True))
    def get(self, request: Request, workspace_id: str) -> Response:
        page = Page()
        found = holds.hold_list(self.workspace, page.pager(request, self))
        return page.get_paginated_response([_hold(info) for info in found])

    @extend_schema(request=HoldRequestSerializer, responses={201: HoldSerializer})
    def post(self, request: Request, workspace_id: str) -> Response:
        form = HoldRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        asked = _asked(self.workspace, form.validated_data)
        if not asked.pop("whole", False) and not asked:
            raise Problem(400, "invalid", "A hold is on a request, on a subject or on the workspace: name one.")
        info = holds.hold_place(
            actor=self.actor, workspace=self.workspace, reason=form.validated_data["reason"], **asked
        )
        return Response(_hold(info), status=status.HTTP_201_CREATED)


class HoldView(CellView):
    needs = {"DELETE": Scope.ERASURES_WRITE}

    @extend_schema(responses=HoldSerializer)
    def delete(self, request: Request, workspace_id: str, hold_id: str) -> Response:
        number = number_of(hold_id, Tag.HOLD)
        return Response(_hold(holds.hold_release(actor=self.actor, workspace=self.workspace, hold=number)))


def _policy_response(policy: Policy) -> Response:
    return Response(_policy(policy), headers={"ETag": _policy_etag(policy)})


def _policy_etag(policy: Policy) -> str:
    return etag(_policy(policy))


def _policy(policy: Policy) -> dict[str, Any]:
    """With the days of every class, decided or not."""
    days = {name: policy.days(name, known.rule.default) for name, known in sorted(beside_payloads().items())}
    return dict(PolicySerializer(asdict(policy) | {"classes": days}).data)


def _asked(workspace: WorkspaceRef, said: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the services. Raises Problem 400 where the workspace that is named is not the one of the address."""
    asked: dict[str, Any] = {}
    if "request" in said:
        asked["request"] = number_of(said["request"], Tag.REQUEST)
    if "subject" in said:
        asked["subject"] = said["subject"]
    if "workspace" in said:
        if number_of(said["workspace"], Tag.WORKSPACE) != workspace.id:
            raise Problem(400, "invalid", "Name the workspace of this address to mean all of it.")
        asked["whole"] = True
    return asked


def _erasure(info: ErasureInfo) -> dict[str, Any]:
    request = None if info.request is None else own_id(Tag.REQUEST, info.request)
    shown = asdict(info) | {"id": own_id(Tag.ERASURE, info.id), "request": request}
    return dict(ErasureSerializer(shown).data)


def _hold(info: HoldInfo) -> dict[str, Any]:
    request = None if info.request is None else own_id(Tag.REQUEST, info.request)
    shown = asdict(info) | {"id": own_id(Tag.HOLD, info.id), "request": request}
    return dict(HoldSerializer(shown).data)


_BASE = "workspaces/<str:workspace_id>"

urlpatterns = [
    path(f"{_BASE}/retention-policy", RetentionPolicyView.as_view(), name="retention-policy"),
    path(f"{_BASE}/erasures", ErasuresView.as_view(), name="erasures"),
    path(f"{_BASE}/erasures/<str:erasure_id>", ErasureView.as_view(), name="erasure"),
    path(f"{_BASE}/erasures/<str:erasure_id>/certificate", CertificateView.as_view(), name="erasure-certificate"),
    path(f"{_BASE}/holds", HoldsView.as_view(), name="holds"),
    path(f"{_BASE}/holds/<str:hold_id>", HoldView.as_view(), name="hold"),
]
