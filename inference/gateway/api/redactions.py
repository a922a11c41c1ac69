"""A dry run of redaction: what would be replaced in a text."""

from __future__ import annotations

from functools import cache
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit import log
from audit.actions import Action
from cell.access import Scope
from cell.api import CellView
from cell.problems import Problem
from cell.tenancy import workspace_scope
from inference.redaction import RedactionError, Redactor

LONGEST_DRY_RUN = 100_000
"""Characters. Longer texts are found the same way; a dry run is for looking."""


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
        return Response(FoundSerializer({"findings": findings, "layers": _redactor().layers}).data)


@cache
def _redactor() -> Redactor:
    return Redactor()
