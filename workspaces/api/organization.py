"""`/api/organization` and `/api/regions`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from cell.access import Scope
from workspaces.api.base import OrganizationView, matched, tagged_response
from workspaces.regions import directory, own_region
from workspaces.selectors import organization_get
from workspaces.serializers import OrganizationOut, OrganizationPatch, RegionOut
from workspaces.services import organization_update


class OrganizationOne(OrganizationView):
    needs: ClassVar = {"GET": Scope.WORKSPACES_READ, "PATCH": Scope.WORKSPACES_WRITE}

    @extend_schema(responses=OrganizationOut)
    def get(self, request: Request) -> Response:
        return tagged_response(OrganizationOut(organization_get(self.organization)).data)

    @extend_schema(request=OrganizationPatch, responses=OrganizationOut)
    def patch(self, request: Request) -> Response:
        current = organization_get(self.organization)
        matched(request, OrganizationOut(current).data)
        updated = organization_update(
            actor=self.actor,
            organization=self.organization,
            changes=self.given(OrganizationPatch),
            expected_version=current.version,
        )
        return tagged_response(OrganizationOut(updated).data)


class RegionList(OrganizationView):
    """Every region there is, from the signed directory; `here` is true for this one."""

    needs: ClassVar = {"GET": Scope.WORKSPACES_READ}

    @extend_schema(responses=RegionOut(many=True))
    def get(self, request: Request) -> Response:
        here = own_region()
        regions: list[dict[str, Any]] = [asdict(region) | {"here": region == here} for region in directory().regions]
        return Response({"results": RegionOut(regions, many=True).data})
