"""`/api/workspaces/{id}/serving-policy`"""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from cell.access import Scope
from workspaces.api.base import OrganizationView, matched, tagged_response
from workspaces.selectors import serving_get
from workspaces.serializers import ServingOut, ServingPatch
from workspaces.services import serving_update


class ServingPolicyOne(OrganizationView):
    """Limits, lanes, batching and caching of one workspace."""

    needs: ClassVar = {"GET": Scope.WORKSPACES_READ, "PATCH": Scope.WORKSPACES_WRITE}

    @extend_schema(responses=ServingOut)
    def get(self, request: Request, workspace_id: str) -> Response:
        return tagged_response(ServingOut(serving_get(self.workspace)).data)

    @extend_schema(request=ServingPatch, responses=ServingOut)
    def patch(self, request: Request, workspace_id: str) -> Response:
        current = serving_get(self.workspace)
        matched(request, ServingOut(current).data)
        updated = serving_update(
            actor=self.actor,
            workspace=self.workspace,
            changes=self.given(ServingPatch),
            expected_version=current.version,
        )
        return tagged_response(ServingOut(updated).data)
