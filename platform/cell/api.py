"""What every management endpoint stands on: access denied by default, problem details, cursor pages, ETags.

A view says which scope each method needs; a method without one does not work. The workspace in the path is resolved
before the view runs, and "not yours" and "not there" are the same 404.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db.models import QuerySet
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, set_rollback

from cell.access import Actor, Scope, WorkspaceRef
from cell.config import config
from cell.ids import ForeignId, MalformedId, Tag, untag
from cell.permission import DeclaredScopes
from cell.problems import Problem, not_found

__all__ = ["CellView", "DeclaredScopes", "Page", "Problem", "etag", "not_found", "problem_response", "require_match"]


class CellView(APIView):
    """Base of every `/api` view. Subclasses set `needs`; views with `workspace_id` in their path get `self.workspace`."""

    needs: ClassVar[Mapping[str, Scope | None]] = {}
    permission_classes = [DeclaredScopes]
    workspace: WorkspaceRef

    @property
    def actor(self) -> Actor:
        return self.request.user  # type: ignore[return-value]  # DeclaredScopes let only an Actor in


class Page(CursorPagination):
    """Newest first; ids are time-ordered, so the id is the cursor."""

    page_size = 50
    max_page_size = 500
    page_size_query_param = "limit"
    ordering = "-id"

    def pager(self, request: Request, view: APIView) -> Callable[[QuerySet[Any]], list[Any]]:
        """What selectors take: it reads the page that was asked for of the rows that they choose."""
        return lambda rows: self.paginate_queryset(rows, request, view=view) or []


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF exception handler: every error a caller can cause, as application/problem+json."""
    if isinstance(error, Http404):
        error = not_found()
    elif isinstance(error, DjangoPermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    headers = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    body: dict[str, Any] = {"type": "about:blank", "status": error.status_code}
    if isinstance(error, Problem):
        body |= {"type": f"urn:bailiwick:problem:{error.code}", "title": error.code, "detail": str(error.detail)}
        body |= error.members
    elif isinstance(error, exceptions.ValidationError):
        body |= {"type": "urn:bailiwick:problem:invalid", "title": "invalid", "detail": "Some fields are not valid."}
        body["errors"] = error.detail
    else:
        code = getattr(error, "default_code", "error").replace("_", "-")
        body |= {"type": f"urn:bailiwick:problem:{code}", "title": code, "detail": str(error.detail)}
    return Response(body, status=error.status_code, headers=headers, content_type="application/problem+json")


def number_here(public_id: str, tag: Tag) -> UUID:
    """The primary key in the id of something in the workspace of the path. Raises Problem: 404.

    That workspace is of this cell, so an id of another cell is simply not in it.
    """
    try:
        return untag(public_id, tag, config().cell)
    except (MalformedId, ForeignId):
        raise not_found() from None


def etag(document: object) -> str:
    """Strong ETag of a JSON-like value."""
    return '"' + hashlib.sha256(msgspec.json.encode(document, order="sorted")).hexdigest()[:32] + '"'


def require_match(request: Request, current: str) -> None:
    """Raises a problem unless If-Match names the current version: an update never overwrites what its author did not see."""
    given = request.headers.get("If-Match")
    if given is None:
        raise Problem(
            status.HTTP_428_PRECONDITION_REQUIRED,
            "if-match-required",
            "Read the resource and send its ETag in If-Match.",
        )
    if given != "*" and given != current:
        raise Problem(412, "changed-meanwhile", "The resource changed since you read it. Read it again and repeat.")
