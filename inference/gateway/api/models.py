"""What the engine serves, and how it is deployed."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cell.access import Scope
from cell.api import CellView
from inference.gateway.deployments import DeploymentInfo, deployment_list
from inference.gateway.taggers import models_served


class ModelSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    kind = serializers.ChoiceField(["chat", "embedding", "tagging"])
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


class ModelsView(CellView):
    needs = {"GET": Scope.MODELS_READ}

    @extend_schema(responses=ModelSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response(ModelSerializer(models_served(), many=True).data)


class DeploymentsView(CellView):
    needs = {"GET": Scope.DEPLOYMENTS_READ}

    @extend_schema(responses=DeploymentSerializer(many=True))
    def get(self, request: Request) -> Response:
        return Response([_deployment(info) for info in deployment_list()])


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
