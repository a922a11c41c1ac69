"""`/api/workspaces`"""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from cell.access import Environment, Scope
from cell.config import config
from cell.problems import Problem
from workspaces.access import misdirected
from workspaces.api.base import OrganizationView, matched, tagged_response
from workspaces.regions import directory
from workspaces.selectors import workspace_get, workspace_info, workspace_rows
from workspaces.serializers import WorkspaceIn, WorkspaceOut, WorkspacePatch
from workspaces.services import workspace_create, workspace_update


class WorkspaceList(OrganizationView):
    needs: ClassVar = {"GET": Scope.WORKSPACES_READ, "POST": Scope.WORKSPACES_WRITE}

    @extend_schema(responses=WorkspaceOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page(workspace_rows(self.organization), workspace_info, WorkspaceOut)

    @extend_schema(request=WorkspaceIn, responses={201: WorkspaceOut})
    def post(self, request: Request) -> Response:
        given = self.given(WorkspaceIn)
        _require_here(given.get("region", config().region))
        created = workspace_create(
            actor=self.actor,
            organization=self.organization,
            name=given["name"],
            environment=Environment(given["environment"]),
            region_locked=given["region_locked"],
        )
        response = tagged_response(WorkspaceOut(created).data)
        response.status_code = status.HTTP_201_CREATED
        return response


class WorkspaceOne(OrganizationView):
    needs: ClassVar = {"GET": Scope.WORKSPACES_READ, "PATCH": Scope.WORKSPACES_WRITE}

    @extend_schema(responses=WorkspaceOut)
    def get(self, request: Request, workspace_id: str) -> Response:
        return tagged_response(WorkspaceOut(workspace_get(self.workspace)).data)

    @extend_schema(request=WorkspacePatch, responses=WorkspaceOut)
    def patch(self, request: Request, workspace_id: str) -> Response:
        current = workspace_get(self.workspace)
        matched(request, WorkspaceOut(current).data)
        changes: dict[str, Any] = self.given(WorkspacePatch)
        updated = workspace_update(
            actor=self.actor, workspace=self.workspace, changes=changes, expected_version=current.version
        )
        return tagged_response(WorkspaceOut(updated).data)


def _require_here(region: str) -> None:
    """A workspace is made in the cell that is asked. For another region, the answer names the cell to ask."""
    if region == config().region:
        return
    elsewhere = directory().region(region)
    if elsewhere is None:
        raise Problem(400, "unknown-region", "There is no such region. GET /api/regions lists them.")
    raise misdirected(elsewhere.code)
