"""What a workspace used, by day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cell.access import Scope
from cell.api import CellView
from cell.problems import Problem
from inference.gateway.usage import Figures, UsageReport, usage_get

USAGE_DAYS = 30
"""How many days of usage are shown to whoever names none, today included."""
MOST_USAGE_DAYS = 366


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
