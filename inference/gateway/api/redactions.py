"""How a workspace redacts: its policy, and a dry run of what would be replaced in a text."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cell.access import Scope
from cell.api import CellView
from inference import redaction
from inference.gateway.dry_runs import LONGEST_DRY_RUN, dry_run
from inference.gateway.redaction_policies import redaction_policy_get, redaction_policy_set
from workspaces.api.base import matched, tagged_response

ACTIONS = [action.value for action in redaction.Action]


class EntitySerializer(serializers.Serializer[Any]):
    action = serializers.ChoiceField(ACTIONS)
    min_score = serializers.FloatField(required=False, min_value=0, max_value=1)
    context = serializers.ChoiceField(  # type: ignore[assignment]  # a field; DRF takes it off the class
        ["required", "optional"], required=False
    )


class RedactionPolicySerializer(serializers.Serializer[Any]):
    """For the schema alone: the library reads policies, and says by path what is wrong with one."""

    version = serializers.IntegerField(read_only=True)
    languages = serializers.ListField(child=serializers.CharField(), required=False)
    countries = serializers.ListField(child=serializers.CharField(), required=False)
    default_action = serializers.ChoiceField(ACTIONS, required=False)
    on_error = serializers.ChoiceField(["block", "allow"], required=False)
    entities = serializers.DictField(child=EntitySerializer(), required=False)
    custom = serializers.ListField(child=serializers.DictField(), required=False)
    allow = serializers.DictField(child=serializers.ListField(child=serializers.CharField()), required=False)
    deny = serializers.DictField(required=False)
    placeholder = serializers.DictField(child=serializers.CharField(), required=False)
    routes = serializers.DictField(child=serializers.BooleanField(), required=False)
    ner = serializers.JSONField(
        required=False, help_text="A model that looks for names as well: its name and min_score, or off."
    )
    output_scan = serializers.ChoiceField(["off", "flag", "mask"], required=False)
    evidence = serializers.DictField(child=serializers.CharField(), required=False)


class DryRunSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=LONGEST_DRY_RUN, trim_whitespace=False)
    language = serializers.RegexField("^[a-z]{2}$", required=False, default=None, allow_null=True)
    policy = serializers.DictField(
        required=False, default=None, allow_null=True, help_text="One to try instead; takes redaction:write."
    )


class FindingSerializer(serializers.Serializer[Any]):
    start = serializers.IntegerField(help_text="Offset of its first character, in Unicode code points.")
    end = serializers.IntegerField(help_text="One past its last.")
    type = serializers.CharField()
    score = serializers.FloatField()
    layer = serializers.CharField()
    action = serializers.CharField(help_text="What the policy says of its type.")


class FoundSerializer(serializers.Serializer[Any]):
    findings = FindingSerializer(many=True)
    layers = serializers.ListField(child=serializers.CharField(), help_text="What looked; ner=NAME is a model.")
    policy = serializers.IntegerField(help_text="The version that was asked; for one to try, that it would become.")


class RedactionPolicyView(CellView):
    """What is done with personal data in this workspace's requests."""

    needs = {"GET": Scope.REDACTION_READ, "PUT": Scope.REDACTION_WRITE}

    @extend_schema(responses=RedactionPolicySerializer)
    def get(self, request: Request, workspace_id: str) -> Response:
        return tagged_response(redaction_policy_get(self.workspace).to_json())

    @extend_schema(request=RedactionPolicySerializer, responses=RedactionPolicySerializer)
    def put(self, request: Request, workspace_id: str) -> Response:
        current = redaction_policy_get(self.workspace)
        matched(request, current.to_json())
        decided = redaction_policy_set(
            actor=self.actor,
            workspace=self.workspace,
            document=request.data,
            expected_version=current.version,
        )
        return tagged_response(decided.to_json())


class RedactionsView(CellView):
    """What would be redacted in a text. The text is stored nowhere, and no value of it is repeated."""

    needs = {"POST": Scope.REDACTION_READ}

    @extend_schema(request=DryRunSerializer, responses=FoundSerializer)
    def post(self, request: Request, workspace_id: str) -> Response:
        form = DryRunSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        given = form.validated_data
        found = dry_run(
            actor=self.actor,
            workspace=self.workspace,
            text=given["text"],
            language=given["language"],
            document=given["policy"],
        )
        findings = [asdict(finding) | {"action": action} for finding, action in found.findings]
        shown = {"findings": findings, "layers": found.layers, "policy": found.version}
        return Response(FoundSerializer(shown).data)
