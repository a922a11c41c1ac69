"""What the engine serves, and how it is deployed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cell.access import Scope
from cell.api import CellView
from inference.engine.deployment import Version, Weights
from inference.engine.protocol import ModelInfo
from inference.gateway.deployments import DeploymentInfo, deployment_list
from inference.gateway.taggers import models_served


class VersionSerializer(serializers.Serializer[Any]):
    digest = serializers.CharField(help_text="SHA-256 of the checkpoint's files.")
    share = serializers.FloatField(help_text="Part of the requests that it answers, 0 to 1.")
    artifact = serializers.CharField(
        allow_null=True, help_text="Address of the artifact that it is computed by. None is by torch's operators."
    )
    weights = serializers.ChoiceField(list(get_args(Weights)), allow_null=True, help_text="Of the artifact.")


class ServedVersionSerializer(VersionSerializer):
    refused = serializers.CharField(
        allow_null=True, help_text="Why its artifact is not used, and what to do; torch serves meanwhile."
    )


class ModelSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    kind = serializers.ChoiceField(["chat", "embedding", "tagging"])
    architecture = serializers.CharField()
    parameters = serializers.IntegerField()
    max_tokens = serializers.IntegerField()
    digest = serializers.CharField(help_text="SHA-256 of the checkpoint's files.")
    versions = ServedVersionSerializer(many=True, help_text="What answers under this name. None where it is a cascade.")


class StagesSerializer(serializers.Serializer[Any]):
    stage = serializers.IntegerField(help_text="Which of the shares it has, from 0.")
    shares = serializers.ListField(child=serializers.FloatField())
    since = serializers.DateTimeField(help_text="When this stage began.")
    hold_s = serializers.FloatField(help_text="The least time of each.")
    least = serializers.IntegerField(help_text="The least comparisons, and answers, of each.")


class CascadeSerializer(serializers.Serializer[Any]):
    small = serializers.CharField(help_text="Answers where it is sure enough.")
    large = serializers.CharField(help_text="Answers the rest.")
    threshold = serializers.FloatField(help_text="Mean probability of the small one's tokens, 0 to 1.")


class DeploymentSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    revision = serializers.IntegerField(help_text="One more with each change.")
    updated_at = serializers.DateTimeField()
    versions = VersionSerializer(many=True, help_text="What serves, then its canary. None where the name is a cascade.")
    previous = serializers.CharField(
        allow_null=True, help_text="What a rollback without a canary goes back to: an artifact's address, or a digest."
    )
    stages = StagesSerializer(allow_null=True, help_text="How its canary goes on by itself.")
    cascade = CascadeSerializer(allow_null=True)
    window = serializers.JSONField(allow_null=True, help_text="How embeddings are batched: a preset or the five knobs.")


class ModelsView(CellView):
    needs = {"GET": Scope.MODELS_READ}

    @extend_schema(responses=ModelSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(ModelSerializer([_model(info) for info in models_served()], many=True).data)


class DeploymentsView(CellView):
    needs = {"GET": Scope.DEPLOYMENTS_READ}

    @extend_schema(responses=DeploymentSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response([_deployment(info) for info in deployment_list()])


def _deployment(info: DeploymentInfo) -> dict[str, Any]:
    served = info.deployment
    stages = served.stages
    shown = {
        "name": served.name,
        "revision": info.revision,
        "updated_at": info.updated_at,
        "versions": [_version(version) for version in served.versions],
        "previous": None if served.previous is None else served.previous.identity,
        "stages": None if stages is None else {**msgspec.structs.asdict(stages), "since": _time(stages.since)},
        "cascade": served.cascade,
        "window": served.window,
    }
    return dict(DeploymentSerializer(shown).data)


def _model(info: ModelInfo) -> dict[str, Any]:
    versions = [{**_version(version), "refused": version.refused or None} for version in info.versions]
    return {**msgspec.structs.asdict(info), "versions": versions}


def _version(version: Version) -> dict[str, Any]:
    made = version.compiled
    return {
        "digest": version.digest,
        "share": version.share,
        "artifact": None if made is None else made.artifact,
        "weights": None if made is None else made.weights,
    }


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
