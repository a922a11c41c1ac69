"""Management API of audit exports: asking for one, seeing how far it is, downloading it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import FileResponse
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from audit import exports
from audit.exports import ExportInfo
from audit.formats import Format
from cell.access import Scope
from cell.api import CellView, Page, number_here
from cell.ids import Tag
from cell.own_ids import own_id


class ExportSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    state = serializers.ChoiceField(["requested", "ready", "failed"])
    requested_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)
    first = serializers.IntegerField(allow_null=True)
    end = serializers.IntegerField(allow_null=True, help_text="One past the last entry.")
    manifest_sha256 = serializers.CharField(allow_null=True)
    size_bytes = serializers.IntegerField(allow_null=True)


class NewExportSerializer(serializers.Serializer[Any]):
    formats = serializers.ListField(
        child=serializers.ChoiceField([name.value for name in Format]),
        default=list,
        max_length=len(Format),
        help_text="Formats for a SIEM, in files beside the entries themselves.",
    )


class ExportsView(CellView):
    needs = {"GET": Scope.AUDIT_READ, "POST": Scope.AUDIT_EXPORT}

    @extend_schema(responses=ExportSerializer(many=True))
    def get(self, request: Request, workspace_id: str) -> Response:
        page = Page()
        found = exports.export_list(self.workspace, page.pager(request, self))
        return page.get_paginated_response([_export(info) for info in found])

    @extend_schema(request=NewExportSerializer, responses={202: ExportSerializer})
    def post(self, request: Request, workspace_id: str) -> Response:
        asked = NewExportSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        formats = [Format(name) for name in asked.validated_data["formats"]]
        body = _export(exports.export_create(actor=self.actor, workspace=self.workspace, formats=formats))
        return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": f"{request.path}/{body['id']}"})


class ExportView(CellView):
    needs = {"GET": Scope.AUDIT_READ}

    @extend_schema(responses=ExportSerializer)
    def get(self, request: Request, workspace_id: str, export_id: str) -> Response:
        return Response(_export(exports.export_get(self.workspace, number_here(export_id, Tag.EXPORT))))


class ExportDownloadView(CellView):
    needs = {"GET": Scope.AUDIT_EXPORT}

    @extend_schema(responses={(200, "application/x-tar"): OpenApiResponse(description="The export's files.")})
    def get(self, request: Request, workspace_id: str, export_id: str) -> FileResponse:
        number = number_here(export_id, Tag.EXPORT)
        content = exports.export_download(actor=self.actor, workspace=self.workspace, export=number)
        response = FileResponse(
            content, content_type="application/x-tar", as_attachment=True, filename=f"{own_id(Tag.EXPORT, number)}.tar"
        )
        # What comes from a bucket has no end that could be looked up.
        response.headers["Content-Length"] = str(exports.export_get(self.workspace, number).size_bytes)
        return response


def _export(info: ExportInfo) -> dict[str, Any]:
    return dict(ExportSerializer({**asdict(info), "id": own_id(Tag.EXPORT, info.id)}).data)


_BASE = "workspaces/<str:workspace_id>/audit/exports"

urlpatterns = [
    path(_BASE, ExportsView.as_view(), name="audit-exports"),
    path(f"{_BASE}/<str:export_id>", ExportView.as_view(), name="audit-export"),
    path(f"{_BASE}/<str:export_id>/download", ExportDownloadView.as_view(), name="audit-export-download"),
]
