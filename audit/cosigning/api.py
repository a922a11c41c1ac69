"""Management API of a workspace's witnesses: naming them, and seeing how far each is."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.cosigning import witnesses
from audit.cosigning.witnesses import LONGEST_CA, MOST, NamedWitness, WitnessInfo
from cell.access import Scope
from cell.api import CellView, etag, require_match
from cell.config import config


class NamedWitnessSerializer(serializers.Serializer[Any]):
    url = serializers.CharField(max_length=2000, help_text="https://…, up to and without add-checkpoint.")
    vkey = serializers.CharField(max_length=200, help_text="As `bailiwick witness init` prints it.")
    ca = serializers.CharField(
        max_length=LONGEST_CA,
        required=False,
        default="",
        allow_blank=True,
        help_text="PEM of the only authority whose certificates it may have; empty: those that the cell's machines trust.",
    )


class WitnessSerializer(NamedWitnessSerializer):
    size = serializers.IntegerField(help_text="Entries of the log that it co-signed; 0 before the first time.")
    cosigned_at = serializers.DateTimeField(allow_null=True, help_text="By its own clock.")
    cause = serializers.CharField(help_text="Why it did not co-sign when it was asked last; empty if it did.")
    refused_at = serializers.DateTimeField(allow_null=True, help_text="Since when it says that the log was rewritten.")


class WitnessesChangeSerializer(serializers.Serializer[Any]):
    witnesses = serializers.ListField(child=NamedWitnessSerializer(), max_length=MOST, help_text="All of them.")


class WitnessesSerializer(serializers.Serializer[Any]):
    witnesses = serializers.ListField(child=WitnessSerializer())
    cell = serializers.ListField(
        child=serializers.CharField(),
        help_text="Keys of the witnesses that the operator has co-sign the tree of checkpoints, which holds those of this log.",
    )


class WitnessesView(CellView):
    needs = {"GET": Scope.AUDIT_READ, "PUT": Scope.AUDIT_EXPORT}

    @extend_schema(responses=WitnessesSerializer)
    def get(self, request: Request, workspace_id: str) -> Response:
        return _answer(witnesses.witness_list(self.workspace))

    @extend_schema(request=WitnessesChangeSerializer, responses=WitnessesSerializer)
    def put(self, request: Request, workspace_id: str) -> Response:
        current = witnesses.witness_list(self.workspace)
        require_match(request, _etag(current))
        form = WitnessesChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        decided = witnesses.witnesses_set(
            actor=self.actor,
            workspace=self.workspace,
            witnesses=[NamedWitness(**item) for item in form.validated_data["witnesses"]],
            expected=[info.named for info in current],
        )
        return _answer(decided)


def _answer(found: list[WitnessInfo]) -> Response:
    body = WitnessesSerializer(
        {
            "witnesses": [_shown(info) for info in found],
            "cell": [str(witness.key) for witness in config().witnesses],
        }
    ).data
    return Response(dict(body), headers={"ETag": _etag(found)})


def _etag(found: list[WitnessInfo]) -> str:
    """Of who is named: how far they are changes by itself."""
    return etag([[info.named.url, info.named.vkey, info.named.ca] for info in found])


def _shown(info: WitnessInfo) -> dict[str, Any]:
    return {
        "url": info.named.url,
        "vkey": info.named.vkey,
        "ca": info.named.ca,
        "size": info.size,
        "cosigned_at": info.cosigned_at,
        "cause": info.cause,
        "refused_at": info.refused_at,
    }


urlpatterns = [
    path("workspaces/<str:workspace_id>/audit/witnesses", WitnessesView.as_view(), name="audit-witnesses"),
]
