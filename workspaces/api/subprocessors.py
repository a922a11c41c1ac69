"""`/api/subprocessors`: whom the operator engages, for every key of the cell, and that an owner has taken note of it."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cell.access import Scope
from cell.api import Page
from workspaces.api.base import OrganizationView
from workspaces.services import subprocessors_acknowledge
from workspaces.subprocessors import ListState, SubprocessorsInfo, subprocessor_versions


class SubprocessorOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    country = serializers.CharField(help_text="Where the data is met: ISO 3166-1 alpha-2.")
    purpose = serializers.CharField()
    data = serializers.ListField(  # type: ignore[assignment]  # a field; DRF takes it off the class
        child=serializers.CharField()
    )
    address = serializers.CharField(allow_null=True)
    safeguard = serializers.CharField(allow_null=True, help_text="Of a transfer out of the legal area (GDPR 44 to 49).")


class SubprocessorsOut(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    state = serializers.ChoiceField([str(state) for state in ListState])
    published_at = serializers.DateTimeField()
    objections_until = serializers.DateTimeField(help_text="From then on it is in force.")
    objection_days = serializers.IntegerField()
    subprocessors = SubprocessorOut(many=True)


class _Versions(Page):
    ordering = "-version"


class SubprocessorsView(OrganizationView):
    """Every version of the list, newest first. It holds nothing of an organization: any key reads it."""

    needs: ClassVar = {"GET": None}

    @extend_schema(responses=SubprocessorsOut(many=True))
    def get(self, request: Request) -> Response:
        page = _Versions()
        found = subprocessor_versions(page.pager(request, self))
        return page.get_paginated_response([_version(info) for info in found])


class AcknowledgementView(OrganizationView):
    """An owner of the organization has taken note of the version, and of those before it."""

    needs: ClassVar = {"POST": Scope.WORKSPACES_WRITE}

    @extend_schema(request=None, responses=SubprocessorsOut)
    def post(self, request: Request, version: int) -> Response:
        info = subprocessors_acknowledge(actor=self.actor, organization=self.organization, version=version)
        return Response(_version(info))


def _version(info: SubprocessorsInfo) -> dict[str, Any]:
    shown = {
        "version": info.version,
        "state": info.state,
        "published_at": info.published_at,
        "objections_until": info.objections_until,
        "objection_days": info.list.objection_days,
        "subprocessors": info.list.subprocessors,
    }
    return dict(SubprocessorsOut(shown).data)
