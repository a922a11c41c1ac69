"""`/api/workspaces/{id}/keys`, and `/api/organization/keys` for the keys that manage all of it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from cell.access import Scope, WorkspaceRef
from workspaces.api.base import OrganizationView
from workspaces.contracts import IssuedKey
from workspaces.selectors import key_get, key_info, key_rows
from workspaces.serializers import IssuedKeyOut, KeyIn, KeyOut, RotationIn
from workspaces.services import key_issue, key_revoke, key_rotate


class KeyView(OrganizationView):
    """Keys of the workspace in the path."""

    @property
    def owner(self) -> dict[str, Any]:
        """Whose keys these are, as services and selectors take it."""
        return {"organization": self.organization, "workspace": self.place}

    @property
    def place(self) -> WorkspaceRef | None:
        return self.workspace


class OrganizationKeyView(KeyView):
    """Keys of the organization itself."""

    @property
    def place(self) -> WorkspaceRef | None:
        return None


class KeyList(KeyView):
    needs: ClassVar = {"GET": Scope.KEYS_READ, "POST": Scope.KEYS_WRITE}

    @extend_schema(responses=KeyOut(many=True))
    def get(self, request: Request, **_: str) -> Response:
        return self.page(key_rows(**self.owner), key_info, KeyOut)

    @extend_schema(request=KeyIn, responses={201: IssuedKeyOut})
    def post(self, request: Request, **_: str) -> Response:
        given = self.given(KeyIn)
        issued = key_issue(
            actor=self.actor,
            **self.owner,
            name=given["name"],
            scopes=[Scope(scope) for scope in given["scopes"]],
            days=given["expires_in_days"],
            cidrs=given["cidrs"],
        )
        return _issued(issued)


class KeyOne(KeyView):
    needs: ClassVar = {"GET": Scope.KEYS_READ, "DELETE": Scope.KEYS_WRITE}

    @extend_schema(responses=KeyOut)
    def get(self, request: Request, key_id: str, **_: str) -> Response:
        return Response(KeyOut(key_get(**self.owner, key=key_id)).data)

    @extend_schema(
        responses=KeyOut, description="Revokes the key, in every process within a second. It stays in the list."
    )
    def delete(self, request: Request, key_id: str, **_: str) -> Response:
        return Response(KeyOut(key_revoke(actor=self.actor, **self.owner, key=key_id)).data)


class KeyRotation(KeyView):
    needs: ClassVar = {"POST": Scope.KEYS_WRITE}

    @extend_schema(request=RotationIn, responses={201: IssuedKeyOut})
    def post(self, request: Request, key_id: str, **_: str) -> Response:
        overlap = timedelta(seconds=self.given(RotationIn)["overlap_seconds"])
        return _issued(key_rotate(actor=self.actor, **self.owner, key=key_id, overlap=overlap))


class OrganizationKeyList(OrganizationKeyView, KeyList):
    pass


class OrganizationKeyOne(OrganizationKeyView, KeyOne):
    pass


class OrganizationKeyRotation(OrganizationKeyView, KeyRotation):
    pass


def _issued(issued: IssuedKey) -> Response:
    document = IssuedKeyOut(asdict(issued.key) | {"token": issued.token}).data
    # Whatever stands between us and the caller must not keep the secret.
    return Response(document, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})
