"""Management API of retention: the workspace's policy and its erasures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from cell.access import Scope
from cell.api import CellView, Page, etag, require_match
from cell.config import config
from cell.ids import Tag, tagged
from retention import erasures, policies
from retention.contracts import ErasureInfo, Policy
from workspaces.access import number_of


class PolicySerializer(serializers.Serializer[Any]):
    store_payloads = serializers.BooleanField()
    payload_days = serializers.IntegerField(help_text="7 to 30; less or more takes an owner and a reason.")
    reason = serializers.CharField(
        max_length=500, required=False, default="", allow_blank=True, help_text="Why, outside of 7 to 30 days."
    )
    version = serializers.IntegerField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True, allow_null=True)


class ErasureRequestSerializer(serializers.Serializer[Any]):
    request = serializers.CharField(max_length=64, help_text="The request's id, as in x-request-id.")


class ErasureSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    request = serializers.CharField()
    state = serializers.CharField()
    manifest = serializers.DictField(child=serializers.IntegerField(), allow_null=True)
    received_at = serializers.DateTimeField()
    fenced_at = serializers.DateTimeField(allow_null=True)
    erased_at = serializers.DateTimeField(allow_null=True)
    certified = serializers.BooleanField()


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
        found = erasures.erasure_list(
            self.workspace, lambda rows: page.paginate_queryset(rows, request, view=self) or []
        )
        return page.get_paginated_response([_erasure(info) for info in found])

    @extend_schema(request=ErasureRequestSerializer, responses={202: ErasureSerializer, 200: ErasureSerializer})
    def post(self, request: Request, workspace_id: str) -> Response:
        form = ErasureRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        number = number_of(form.validated_data["request"], Tag.REQUEST)
        info, created = erasures.erasure_request(actor=self.actor, workspace=self.workspace, request=number)
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
    needs = {"GET": Scope.ERASURES_READ}

    @extend_schema(responses={(200, "application/json"): OpenApiResponse(description="The certificate's file.")})
    def get(self, request: Request, workspace_id: str, erasure_id: str) -> HttpResponse:
        number = number_of(erasure_id, Tag.ERASURE)
        text = erasures.certificate_download(actor=self.actor, workspace=self.workspace, erasure=number)
        return HttpResponse(
            text,
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="certificate-{_public(Tag.ERASURE, number)}.json"'},
        )


def _policy_response(policy: Policy) -> Response:
    return Response(PolicySerializer(policy).data, headers={"ETag": _policy_etag(policy)})


def _policy_etag(policy: Policy) -> str:
    return etag(PolicySerializer(policy).data)


def _erasure(info: ErasureInfo) -> dict[str, Any]:
    shown = asdict(info) | {"id": _public(Tag.ERASURE, info.id), "request": _public(Tag.REQUEST, info.request)}
    return dict(ErasureSerializer(shown).data)


def _public(tag: Tag, number: UUID) -> str:
    return tagged(tag, config().cell, number)


_BASE = "workspaces/<str:workspace_id>"

urlpatterns = [
    path(f"{_BASE}/retention-policy", RetentionPolicyView.as_view(), name="retention-policy"),
    path(f"{_BASE}/erasures", ErasuresView.as_view(), name="erasures"),
    path(f"{_BASE}/erasures/<str:erasure_id>", ErasureView.as_view(), name="erasure"),
    path(f"{_BASE}/erasures/<str:erasure_id>/certificate", CertificateView.as_view(), name="erasure-certificate"),
]
