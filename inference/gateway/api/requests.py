"""The records of requests: how each ended, as figures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cell.access import Scope
from cell.api import CellView, Page
from cell.ids import Tag
from cell.own_ids import own_id
from inference.gateway.selectors import RequestInfo, request_get, request_list
from workspaces.access import number_of


class RequestSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    key = serializers.CharField()
    kind = serializers.ChoiceField(["chat", "completion", "embedding"])
    model = serializers.CharField()
    lane = serializers.ChoiceField(["realtime", "standard", "batch"])
    streamed = serializers.BooleanField()
    status = serializers.ChoiceField(["completed", "cancelled", "failed", "unknown"])
    http_status = serializers.IntegerField()
    finish_reason = serializers.CharField(allow_null=True)
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    redactions = serializers.DictField(child=serializers.IntegerField(), help_text="How many of each type.")
    names_subject = serializers.BooleanField(help_text="Whether the caller said whom it is about.")
    started_at = serializers.DateTimeField()
    duration_ms = serializers.IntegerField()


class RequestsView(CellView):
    needs = {"GET": Scope.AUDIT_READ}

    @extend_schema(responses=RequestSerializer(many=True))
    def get(self, request: Request, workspace_id: str) -> Response:
        page = Page()
        found = request_list(self.workspace, page.pager(request, self))
        return page.get_paginated_response([_request(info) for info in found])


class RequestView(CellView):
    needs = {"GET": Scope.AUDIT_READ}

    @extend_schema(responses=RequestSerializer)
    def get(self, request: Request, workspace_id: str, request_id: str) -> Response:
        return Response(_request(request_get(self.workspace, number_of(request_id, Tag.REQUEST))))


def _request(info: RequestInfo) -> dict[str, Any]:
    shown = asdict(info) | {"id": own_id(Tag.REQUEST, info.id), "key": own_id(Tag.KEY, info.key)}
    return dict(RequestSerializer(shown).data)
