"""The record of processing activities of a workspace."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from cell.access import Scope
from cell.api import CellView
from inference.gateway.processing_record import record_of_processing


class RecordsOfProcessingView(CellView):
    """What GDPR 30(2) asks a processor to keep, from what is configured now. docs/formats/records-of-processing.md describes it."""

    needs = {"GET": Scope.RETENTION_READ}

    @extend_schema(responses=OpenApiResponse(OpenApiTypes.OBJECT, "The record."))
    def get(self, request: Request, workspace_id: str) -> Response:
        return Response(record_of_processing(self.workspace), headers={"Cache-Control": "no-store"})
