"""What the views of this app share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from cell.api import CellView, Page, etag, require_match
from cell.problems import not_found
from cell.tenancy import organization_scope
from workspaces.serializers import StrictSerializer

_Row = TypeVar("_Row", bound=Model)


class OrganizationView(CellView):
    """A view of something in the actor's organization."""

    @property
    def organization(self) -> UUID:
        if self.actor.organization is None:
            raise not_found()
        return self.actor.organization

    def given(self, form: type[StrictSerializer]) -> dict[str, Any]:
        """The checked body of the request. Raises ValidationError that names each wrong field."""
        serializer = form(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        return values

    def page(self, rows: QuerySet[_Row], info: Callable[[_Row], Any], out: type[Serializer[Any]]) -> Response:
        """One page of `rows`, read inside the organization's scope."""
        paginator = Page()
        with organization_scope(self.organization):
            found = [info(row) for row in paginator.paginate_queryset(rows, self.request, view=self) or []]
        return paginator.get_paginated_response(out(found, many=True).data)


def tagged_response(document: dict[str, Any]) -> Response:
    """The document with its ETag, which an update has to name."""
    return Response(document, headers={"ETag": etag(dict(document))})


def matched(request: Request, document: dict[str, Any]) -> None:
    """Raises a problem unless the request's If-Match names this document."""
    require_match(request, etag(dict(document)))
