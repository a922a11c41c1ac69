"""Management API of exports of all workspaces of an organization."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from audit import organization_schedules
from audit.delivery_api import NewScheduleSerializer, ScheduleChangeSerializer
from audit.organization_schedules import OrganizationScheduleInfo
from cell.access import Scope
from cell.api import CellView, Page, etag, not_found, number_here, require_match
from cell.ids import Tag
from cell.own_ids import own_id


class OrganizationScheduleSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    format = serializers.CharField()
    interval_hours = serializers.IntegerField()
    destination = serializers.DictField(help_text="Without its secrets.")
    state = serializers.ChoiceField(["active", "ending", "ended"])
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    workspaces = serializers.DictField(
        child=serializers.IntegerField(), help_text="How many workspaces follow it, by the state of theirs."
    )
    stopped = serializers.ListField(
        child=serializers.CharField(), help_text="Workspaces in which the destination refuses, twenty at most."
    )


class _View(CellView):
    @property
    def organization(self) -> UUID:
        if self.actor.organization is None:
            raise not_found()
        return self.actor.organization


class OrganizationSchedulesView(_View):
    needs = {"GET": Scope.AUDIT_READ, "POST": Scope.AUDIT_EXPORT}

    @extend_schema(responses=OrganizationScheduleSerializer(many=True))
    def get(self, request: Request) -> Response:
        page = Page()
        found = organization_schedules.organization_schedule_list(self.organization, page.pager(request, self))
        return page.get_paginated_response([_schedule(info) for info in found])

    @extend_schema(request=NewScheduleSerializer, responses={201: OrganizationScheduleSerializer})
    def post(self, request: Request) -> Response:
        asked = NewScheduleSerializer.asked(request)
        made = organization_schedules.organization_schedule_create(
            actor=self.actor, organization=self.organization, **asked
        )
        return _answer(made, status.HTTP_201_CREATED, Location=f"{request.path}/{own_id(Tag.SCHEDULE, made.id)}")


class OrganizationScheduleView(_View):
    needs = {"GET": Scope.AUDIT_READ, "PATCH": Scope.AUDIT_EXPORT, "DELETE": Scope.AUDIT_EXPORT}

    @extend_schema(responses=OrganizationScheduleSerializer)
    def get(self, request: Request, schedule_id: str) -> Response:
        return _answer(self._read(schedule_id))

    @extend_schema(request=ScheduleChangeSerializer, responses=OrganizationScheduleSerializer)
    def patch(self, request: Request, schedule_id: str) -> Response:
        current = self._read(schedule_id)
        require_match(request, _etag(current))
        form = ScheduleChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        changed = organization_schedules.organization_schedule_change(
            actor=self.actor,
            organization=self.organization,
            schedule=current.id,
            expected_version=current.version,
            **form.validated_data,
        )
        return _answer(changed)

    @extend_schema(request=None, responses={202: OrganizationScheduleSerializer})
    def delete(self, request: Request, schedule_id: str) -> Response:
        ended = organization_schedules.organization_schedule_end(
            actor=self.actor, organization=self.organization, schedule=number_here(schedule_id, Tag.SCHEDULE)
        )
        return _answer(ended, status.HTTP_202_ACCEPTED)

    def _read(self, schedule_id: str) -> OrganizationScheduleInfo:
        number = number_here(schedule_id, Tag.SCHEDULE)
        return organization_schedules.organization_schedule_get(self.organization, number)


def _answer(info: OrganizationScheduleInfo, code: int = status.HTTP_200_OK, **headers: str) -> Response:
    return Response(_schedule(info), status=code, headers={"ETag": _etag(info), **headers})


def _etag(info: OrganizationScheduleInfo) -> str:
    """Of what was decided: how the workspaces stand changes by itself."""
    return etag([str(info.id), info.version])


def _schedule(info: OrganizationScheduleInfo) -> dict[str, Any]:
    stopped = [own_id(Tag.WORKSPACE, workspace) for workspace in info.stopped]
    document = {**asdict(info), "id": own_id(Tag.SCHEDULE, info.id), "stopped": stopped}
    return dict(OrganizationScheduleSerializer(document).data)


urlpatterns = [
    path("organization/audit/schedules", OrganizationSchedulesView.as_view(), name="organization-audit-schedules"),
    path(
        "organization/audit/schedules/<str:schedule_id>",
        OrganizationScheduleView.as_view(),
        name="organization-audit-schedule",
    ),
]
