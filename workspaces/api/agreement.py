"""`/api/organization/agreement`: the data processing agreement that the operator offers, and accepting it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from cell.access import Scope
from workspaces.agreements import AgreementInfo, agreement_get
from workspaces.api.base import OrganizationView
from workspaces.serializers import StrictSerializer
from workspaces.services import agreement_accept


class OfferOut(serializers.Serializer[Any]):
    version = serializers.CharField()
    reference = serializers.CharField(help_text="Where its text is, or what it is called.")
    sha256 = serializers.CharField(allow_null=True, help_text="Of the document.")


class AcceptanceOut(OfferOut):
    accepted_at = serializers.DateTimeField()
    accepted_by = serializers.CharField(help_text="A member's pseudonym, as audit entries have it, or a key's id.")


class AgreementOut(serializers.Serializer[Any]):
    offered = OfferOut(allow_null=True)
    acceptances = AcceptanceOut(many=True, help_text="Newest first.")


class AcceptanceIn(StrictSerializer):
    version = serializers.CharField(max_length=40, help_text="Of what is offered: the one that you read.")


class AgreementView(OrganizationView):
    needs: ClassVar = {"GET": Scope.WORKSPACES_READ, "POST": Scope.WORKSPACES_WRITE}

    @extend_schema(responses=AgreementOut)
    def get(self, request: Request) -> Response:
        return Response(_agreement(agreement_get(self.organization)))

    @extend_schema(request=AcceptanceIn, responses={201: AgreementOut})
    def post(self, request: Request) -> Response:
        version = self.given(AcceptanceIn)["version"]
        info = agreement_accept(actor=self.actor, organization=self.organization, version=version)
        return Response(_agreement(info), status=status.HTTP_201_CREATED)


def _agreement(info: AgreementInfo) -> dict[str, Any]:
    accepted = [
        asdict(one.offer) | {"accepted_at": one.accepted_at, "accepted_by": one.accepted_by} for one in info.acceptances
    ]
    return dict(AgreementOut({"offered": info.offered, "acceptances": accepted}).data)
