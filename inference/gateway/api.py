"""Management API of inference: the records of requests, usage, a dry run of redaction, what the engine serves and how it is deployed."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import date, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.urls import path
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit import log
from audit.actions import Action
from cell.access import Scope
from cell.api import CellView, Page
from cell.config import config
from cell.ids import Tag, tagged
from cell.problems import Problem
from cell.tenancy import workspace_scope
from inference.engine.client import EngineClient, EngineFailure
from inference.engine.protocol import ListModels, ModelInfo, Models
from inference.gateway.deployments import DeploymentInfo, deployment_list
from inference.gateway.selectors import RequestInfo, request_get, request_list
from inference.gateway.usage import Figures, UsageReport, usage_get
from inference.redaction import RedactionError, Redactor
from workspaces.access import number_of

LONGEST_DRY_RUN = 100_000
"""Characters. Longer texts are found the same way; a dry run is for looking."""
USAGE_DAYS = 30
"""How many days of usage are shown to whoever names none, today included."""
MOST_USAGE_DAYS = 366


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


class EndingsSerializer(serializers.Serializer[Any]):
    completed = serializers.IntegerField()
    cancelled = serializers.IntegerField(help_text="The client went away.")
    failed = serializers.IntegerField()
    unknown = serializers.IntegerField(help_text="Their process died before it could say.")


class FiguresSerializer(serializers.Serializer[Any]):
    requests = EndingsSerializer(help_text="How many ended how.")
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    duration_seconds = serializers.FloatField(help_text="Of all requests together.")


class UsageRowSerializer(FiguresSerializer):
    day = serializers.DateField(help_text="UTC.")
    model = serializers.CharField()
    lane = serializers.ChoiceField(["realtime", "standard", "batch"])
    kind = serializers.ChoiceField(["chat", "completion", "embedding"])


# Not a class: one cannot call a field `from`.
USAGE = inline_serializer(
    "Usage",
    {
        "from": serializers.DateField(),
        "to": serializers.DateField(),
        "as_of": serializers.DateTimeField(allow_null=True, help_text="What had ended by then is counted."),
        "totals": FiguresSerializer(),
        "results": UsageRowSerializer(many=True, help_text="What was not used has no row."),
    },
)


class DryRunSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=LONGEST_DRY_RUN, trim_whitespace=False)
    language = serializers.RegexField("^[a-z]{2}$", required=False, default=None, allow_null=True)


class FindingSerializer(serializers.Serializer[Any]):
    start = serializers.IntegerField(help_text="Offset of its first character, in Unicode code points.")
    end = serializers.IntegerField(help_text="One past its last.")
    type = serializers.CharField()
    score = serializers.FloatField()
    layer = serializers.CharField()


class FoundSerializer(serializers.Serializer[Any]):
    findings = FindingSerializer(many=True)
    layers = serializers.ListField(child=serializers.CharField(), help_text="What looked.")


class ModelSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    kind = serializers.ChoiceField(["chat", "embedding"])
    architecture = serializers.CharField()
    parameters = serializers.IntegerField()
    max_tokens = serializers.IntegerField()
    digest = serializers.CharField(help_text="SHA-256 of the checkpoint's files.")


class VersionSerializer(serializers.Serializer[Any]):
    digest = serializers.CharField()
    share = serializers.FloatField(help_text="Part of the requests that it answers, 0 to 1.")


class CascadeSerializer(serializers.Serializer[Any]):
    small = serializers.CharField(help_text="Answers where it is sure enough.")
    large = serializers.CharField(help_text="Answers the rest.")
    threshold = serializers.FloatField(help_text="Mean probability of the small one's tokens, 0 to 1.")


class DeploymentSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    revision = serializers.IntegerField(help_text="One more with each change.")
    updated_at = serializers.DateTimeField()
    versions = VersionSerializer(many=True, help_text="What serves, then its canary. None where the name is a cascade.")
    previous = serializers.CharField(allow_null=True, help_text="Digest that a rollback without a canary goes back to.")
    cascade = CascadeSerializer(allow_null=True)
    window = serializers.JSONField(allow_null=True, help_text="How embeddings are batched: a preset or the five knobs.")


class RequestsView(CellView):
    needs = {"GET": Scope.AUDIT_READ}

    @extend_schema(responses=RequestSerializer(many=True))
    def get(self, request: Request, workspace_id: str) -> Response:
        page = Page()
        found = request_list(self.workspace, lambda rows: page.paginate_queryset(rows, request, view=self) or [])
        return page.get_paginated_response([_request(info) for info in found])


class RequestView(CellView):
    needs = {"GET": Scope.AUDIT_READ}

    @extend_schema(responses=RequestSerializer)
    def get(self, request: Request, workspace_id: str, request_id: str) -> Response:
        return Response(_request(request_get(self.workspace, number_of(request_id, Tag.REQUEST))))


class UsageView(CellView):
    """Requests, tokens and seconds of a workspace by day, model, lane and kind, counted every minute."""

    needs = {"GET": Scope.WORKSPACES_READ}

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "from", OpenApiTypes.DATE, description="First day, UTC; 29 days before `to` if not given."
            ),
            OpenApiParameter("to", OpenApiTypes.DATE, description="Last day, UTC; today if not given."),
        ],
        responses=USAGE,
    )
    def get(self, request: Request, workspace_id: str) -> Response:
        last = _day(request, "to") or timezone.now().date()
        first = _day(request, "from") or date.fromordinal(max(1, last.toordinal() - USAGE_DAYS + 1))
        if first > last:
            raise Problem(
                400, "invalid-range", "The day in from must not be after the day in to, which is today if not given."
            )
        if last - first >= timedelta(days=MOST_USAGE_DAYS):
            raise Problem(400, "range-too-long", f"Ask for at most {MOST_USAGE_DAYS} days at once.")
        return Response(_usage(usage_get(self.workspace, first=first, last=last)))


class RedactionsView(CellView):
    """What would be redacted in a text. The text is stored nowhere, and no value of it is repeated."""

    needs = {"POST": Scope.REDACTION_READ}

    @extend_schema(request=DryRunSerializer, responses=FoundSerializer)
    def post(self, request: Request, workspace_id: str) -> Response:
        form = DryRunSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            findings = _redactor().find(form.validated_data["text"], form.validated_data["language"])
        except RedactionError:
            raise Problem(503, "redaction-failed", "The text could not be looked through. Try again.") from None
        counts: dict[str, int] = {}
        for finding in findings:
            counts[finding.type] = counts.get(finding.type, 0) + 1
        with workspace_scope(self.workspace):
            log.record(
                actor=self.actor,
                action=Action.REDACTION_TRIED,
                workspace=self.workspace,
                scope=Scope.REDACTION_READ,
                after={"redactions": counts},
            )
        return Response(FoundSerializer({"findings": findings, "layers": ["patterns"]}).data)


class ModelsView(CellView):
    needs = {"GET": Scope.MODELS_READ}

    @extend_schema(responses=ModelSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(ModelSerializer(asyncio.run(_served()), many=True).data)


class DeploymentsView(CellView):
    needs = {"GET": Scope.DEPLOYMENTS_READ}

    @extend_schema(responses=DeploymentSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response([_deployment(info) for info in deployment_list()])


@cache
def _redactor() -> Redactor:
    return Redactor()


async def _served() -> list[ModelInfo]:
    client = EngineClient(config().engine_socket)
    try:
        answer = await client.call(ListModels())
    except EngineFailure:
        raise Problem(503, "engine-unavailable", "The engine cannot be reached now. Try again.") from None
    finally:
        await client.close()
    return answer.models if isinstance(answer, Models) else []


def _request(info: RequestInfo) -> dict[str, Any]:
    shown = asdict(info) | {"id": _public(Tag.REQUEST, info.id), "key": _public(Tag.KEY, info.key)}
    return dict(RequestSerializer(shown).data)


def _deployment(info: DeploymentInfo) -> dict[str, Any]:
    served = info.deployment
    shown = {
        "name": served.name,
        "revision": info.revision,
        "updated_at": info.updated_at,
        "versions": served.versions,
        "previous": None if served.previous is None else served.previous.digest,
        "cascade": served.cascade,
        "window": served.window,
    }
    return dict(DeploymentSerializer(shown).data)


def _day(request: Request, name: str) -> date | None:
    """The day in a query parameter; None without one. Raises Problem 400."""
    given = request.query_params.get(name)
    if given is None:
        return None
    try:
        day = date.fromisoformat(given)
    except ValueError:
        day = None
    if day is None or day.isoformat() != given:
        raise Problem(400, "invalid-date", f"Write {name} as a date, for instance {timezone.now().date()}.")
    return day


def _usage(report: UsageReport) -> dict[str, Any]:
    shown = {
        "from": report.first,
        "to": report.last,
        "as_of": report.as_of,
        "totals": _figures(report.totals),
        "results": [
            {"day": row.day, "model": row.model, "lane": row.lane, "kind": row.kind} | _figures(row.figures)
            for row in report.rows
        ],
    }
    return dict(USAGE.to_representation(shown))


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "requests": figures,
        "prompt_tokens": figures.prompt_tokens,
        "completion_tokens": figures.completion_tokens,
        "duration_seconds": figures.duration_ms / 1000,
    }


def _public(tag: Tag, number: UUID) -> str:
    return tagged(tag, config().cell, number)


_BASE = "workspaces/<str:workspace_id>"

urlpatterns = [
    path(f"{_BASE}/requests", RequestsView.as_view(), name="requests"),
    path(f"{_BASE}/requests/<str:request_id>", RequestView.as_view(), name="request"),
    path(f"{_BASE}/usage", UsageView.as_view(), name="usage"),
    path(f"{_BASE}/redactions", RedactionsView.as_view(), name="redactions"),
    path("models", ModelsView.as_view(), name="models"),
    path("deployments", DeploymentsView.as_view(), name="deployments"),
]
