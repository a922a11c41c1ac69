"""Access to the management API, denied by default.

Apart from `cell.api` because the REST framework imports this class while its own views are still being imported.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from cell.access import Actor
from cell.problems import Problem


class DeclaredScopes(BasePermission):
    """The only permission class: the scope that the view declares for the method, in the workspace of the path.

    None declares that every key and member may: for what is the cell's own and no tenant's. Such a path names no workspace.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        actor: object = request.user  # whatever an authentication class put there
        if not isinstance(actor, Actor):
            raise exceptions.NotAuthenticated()
        method = "GET" if request.method in ("HEAD", "OPTIONS") else request.method
        if method not in view.needs:
            raise exceptions.MethodNotAllowed(request.method or "")
        need = view.needs[method]
        public_id = view.kwargs.get("workspace_id")
        if need is None:
            return public_id is None
        if public_id is not None:
            view.workspace = import_string(settings.BAILIWICK_WORKSPACE_FOR)(actor, public_id, need)
        elif not actor.may(need):
            raise Problem(403, "missing-scope", f"This needs the scope {need} in the whole organization.", scope=need)
        return True
