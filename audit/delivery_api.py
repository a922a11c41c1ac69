"""Management API of exports that are sent by themselves: schedules and their deliveries."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import FileResponse
from django.urls import path
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from audit import deliveries, schedules
from audit.deliveries import DeliveryInfo
from audit.formats import Format
from audit.schedules import MOST_HOURS, WEEKLY_HOURS, ScheduleInfo
from cell.access import Scope
from cell.api import CellView, Page, etag, number_here, require_match
from cell.ids import Tag
from cell.own_ids import own_id


class NewScheduleSerializer(serializers.Serializer[Any]):
    destination = serializers.DictField(help_text="`kind` and what it takes: see docs/siem.md.")
    secrets = serializers.DictField(write_only=True, help_text="Kept sealed and never shown again.")
    format = serializers.ChoiceField([name.value for name in Format], default=Format.OCSF.value, source="name")
    interval_hours = serializers.IntegerField(min_value=1, max_value=MOST_HOURS, default=WEEKLY_HOURS)

    @classmethod
    def asked(cls, request: Request) -> dict[str, Any]:
        """What a valid body asks for, as both services that make a schedule take it. Raises ValidationError."""
        form = cls(data=request.data)
        form.is_valid(raise_exception=True)
        return {**form.validated_data, "name": Format(form.validated_data["name"])}


class ScheduleChangeSerializer(serializers.Serializer[Any]):
    destination = serializers.DictField(required=False)
    secrets = serializers.DictField(required=False, write_only=True)
    interval_hours = serializers.IntegerField(min_value=1, max_value=MOST_HOURS, required=False)


class ScheduleSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    format = serializers.CharField()
    interval_hours = serializers.IntegerField()
    destination = serializers.DictField(help_text="Without its secrets.")
    state = serializers.ChoiceField(["active", "stopped", "ending", "ended"])
    cause = serializers.CharField(help_text="Why the last attempt failed; empty after a success.")
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    next_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    follows = serializers.CharField(
        allow_null=True, help_text="The organization's schedule that decides for it; it cannot be changed here."
    )


class DeliverySerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    state = serializers.ChoiceField(["prepared", "sent", "acknowledged"])
    first = serializers.IntegerField()
    end = serializers.IntegerField(help_text="One past the last entry.")
    manifest_sha256 = serializers.CharField()
    size_bytes = serializers.IntegerField()
    sent_lines = serializers.IntegerField()
    attempts = serializers.IntegerField()
    evidence = serializers.CharField(help_text="What the acknowledgement says: taken, accepted, indexed, read-back.")
    prepared_at = serializers.DateTimeField()
    acknowledged_at = serializers.DateTimeField(allow_null=True)


class SchedulesView(CellView):
    needs = {"GET": Scope.AUDIT_READ, "POST": Scope.AUDIT_EXPORT}

    @extend_schema(responses=ScheduleSerializer(many=True))
    def get(self, request: Request, workspace_id: str) -> Response:
        page = Page()
        found = schedules.schedule_list(self.workspace, page.pager(request, self))
        return page.get_paginated_response([_schedule(info) for info in found])

    @extend_schema(request=NewScheduleSerializer, responses={201: ScheduleSerializer})
    def post(self, request: Request, workspace_id: str) -> Response:
        asked = NewScheduleSerializer.asked(request)
        made = schedules.schedule_create(actor=self.actor, workspace=self.workspace, **asked)
        return _answer(made, status.HTTP_201_CREATED, Location=f"{request.path}/{own_id(Tag.SCHEDULE, made.id)}")


class ScheduleView(CellView):
    needs = {"GET": Scope.AUDIT_READ, "PATCH": Scope.AUDIT_EXPORT, "DELETE": Scope.AUDIT_EXPORT}

    @extend_schema(responses=ScheduleSerializer)
    def get(self, request: Request, workspace_id: str, schedule_id: str) -> Response:
        return _answer(schedules.schedule_get(self.workspace, number_here(schedule_id, Tag.SCHEDULE)))

    @extend_schema(request=ScheduleChangeSerializer, responses=ScheduleSerializer)
    def patch(self, request: Request, workspace_id: str, schedule_id: str) -> Response:
        number = number_here(schedule_id, Tag.SCHEDULE)
        current = schedules.schedule_get(self.workspace, number)
        require_match(request, _etag(current))
        form = ScheduleChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        changed = schedules.schedule_change(
            actor=self.actor,
            workspace=self.workspace,
            schedule=number,
            expected_version=current.version,
            **form.validated_data,
        )
        return _answer(changed)

    @extend_schema(request=None, responses={202: ScheduleSerializer})
    def delete(self, request: Request, workspace_id: str, schedule_id: str) -> Response:
        ended = schedules.schedule_end(
            actor=self.actor, workspace=self.workspace, schedule=number_here(schedule_id, Tag.SCHEDULE)
        )
        return _answer(ended, status.HTTP_202_ACCEPTED)


class DeliveriesView(CellView):
    needs = {"GET": Scope.AUDIT_READ}

    @extend_schema(responses=DeliverySerializer(many=True))
    def get(self, request: Request, workspace_id: str, schedule_id: str) -> Response:
        number = schedules.schedule_get(self.workspace, number_here(schedule_id, Tag.SCHEDULE)).id
        page = Page()
        found = deliveries.delivery_list(self.workspace, number, page.pager(request, self))
        return page.get_paginated_response([_delivery(info) for info in found])


class DeliveryDownloadView(CellView):
    needs = {"GET": Scope.AUDIT_EXPORT}

    @extend_schema(responses={(200, "application/x-tar"): OpenApiResponse(description="The delivery as an export.")})
    def get(self, request: Request, workspace_id: str, schedule_id: str, delivery_id: str) -> FileResponse:
        number = number_here(delivery_id, Tag.DELIVERY)
        content = deliveries.delivery_download(
            actor=self.actor,
            workspace=self.workspace,
            schedule=number_here(schedule_id, Tag.SCHEDULE),
            delivery=number,
        )
        name = f"{own_id(Tag.DELIVERY, number)}.tar"
        return FileResponse(content, content_type="application/x-tar", as_attachment=True, filename=name)


def _answer(info: ScheduleInfo, code: int = status.HTTP_200_OK, **headers: str) -> Response:
    return Response(_schedule(info), status=code, headers={"ETag": _etag(info), **headers})


def _etag(info: ScheduleInfo) -> str:
    return etag([str(info.id), info.version])


def _schedule(info: ScheduleInfo) -> dict[str, Any]:
    follows = None if info.follows is None else own_id(Tag.SCHEDULE, info.follows)
    return dict(ScheduleSerializer({**asdict(info), "id": own_id(Tag.SCHEDULE, info.id), "follows": follows}).data)


def _delivery(info: DeliveryInfo) -> dict[str, Any]:
    return dict(DeliverySerializer({**asdict(info), "id": own_id(Tag.DELIVERY, info.id)}).data)


_BASE = "workspaces/<str:workspace_id>/audit/schedules"

urlpatterns = [
    path(_BASE, SchedulesView.as_view(), name="audit-schedules"),
    path(f"{_BASE}/<str:schedule_id>", ScheduleView.as_view(), name="audit-schedule"),
    path(f"{_BASE}/<str:schedule_id>/deliveries", DeliveriesView.as_view(), name="audit-deliveries"),
    path(
        f"{_BASE}/<str:schedule_id>/deliveries/<str:delivery_id>/download",
        DeliveryDownloadView.as_view(),
        name="audit-delivery-download",
    ),
]
