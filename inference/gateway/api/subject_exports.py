"""Everything about one subject of a workspace, as a file to hand to that person."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from cell.access import Scope
from cell.api import CellView
from cell.ids import Tag
from cell.pseudonyms import LONGEST_SUBJECT
from inference.gateway.subject_exports import SubjectExport, subject_export
from workspaces.access import number_of
from workspaces.serializers import StrictSerializer


class SubjectExportSerializer(StrictSerializer):
    subject = serializers.CharField(
        max_length=LONGEST_SUBJECT,
        trim_whitespace=False,
        help_text="As your application names them in `user` or `safety_identifier`.",
    )
    before = serializers.CharField(
        max_length=64,
        required=False,
        default=None,
        allow_null=True,
        help_text="`next` of a file that was not complete.",
    )


class SubjectExportsView(CellView):
    """The file holds stored text, opened. Whoever may erase a subject's data may also read it for them, and nobody else: no
    scope that only reads shows text."""

    needs = {"POST": Scope.ERASURES_WRITE}

    @extend_schema(
        request=SubjectExportSerializer,
        responses={(200, "application/zip"): OpenApiResponse(description="The export's files.")},
    )
    def post(self, request: Request, workspace_id: str) -> HttpResponse:
        form = SubjectExportSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        before = None if given["before"] is None else number_of(given["before"], Tag.REQUEST)
        made = subject_export(actor=self.actor, workspace=self.workspace, subject=given["subject"], before=before)
        return zip_response(made)


def zip_response(made: SubjectExport) -> HttpResponse:
    """The file as an attachment, which no cache keeps."""
    headers = {"Content-Disposition": f'attachment; filename="{made.file_name}"', "Cache-Control": "no-store"}
    return HttpResponse(made.content, content_type="application/zip", headers=headers)
