"""What every page behind the sign-in stands on: who is there, may they, and what it looks like when they may not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views import View
from django_htmx.http import HttpResponseClientRedirect

from cell.access import Actor, Scope, WorkspaceRef
from cell.problems import Problem, not_found
from console.tabs import tabs_for
from workspaces import sessions
from workspaces.access import organization_for, workspace_for
from workspaces.regions import directory
from workspaces.selectors import organization_get, workspace_get
from workspaces.subprocessors import open_notice


class ConsoleView(View):
    """A page for somebody signed in. A method that `needs` does not name does not work.

    A path with `workspace_id` gets `self.workspace`, and its need holds there; elsewhere it must hold in the whole
    organization, or be None for what everyone signed in may see.
    """

    needs: ClassVar[Mapping[str, Scope | None]] = {}
    tab: ClassVar[str] = ""
    """Which page of the workspace this is."""
    section: ClassVar[str] = "workspaces"
    """Which part of the console this is."""
    actor: Actor
    organization: UUID
    workspace: WorkspaceRef

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        actor = sessions.actor_of(request)
        if actor is None or actor.organization is None:
            return _to_sign_in(request)
        method = "GET" if request.method == "HEAD" else request.method or ""
        if method not in self.needs:
            return HttpResponseNotAllowed(list(self.needs))
        self.actor, self.organization = actor, actor.organization
        try:
            self._admit(self.needs[method], kwargs.get("workspace_id"))
            return super().dispatch(request, *args, **kwargs)
        except Problem as problem:
            return problem_page(request, problem)

    def _admit(self, need: Scope | None, workspace_id: str | None) -> None:
        if workspace_id is not None:
            if need is None:
                raise not_found()
            self.workspace = workspace_for(self.actor, workspace_id, need)
        elif need is not None:
            organization_for(self.actor, need)

    def page(self, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        """The page, with what the frame around it shows."""
        everywhere = _May(self.actor, None)
        context |= {"section": self.section, "may": everywhere, "may_everywhere": everywhere}
        context["organization"] = organization_get(self.organization)
        context["notice"] = open_notice(self.organization)
        if hasattr(self, "workspace"):
            context["workspace"] = workspace_get(self.workspace)
            context["tabs"] = tabs_for(self.actor, self.workspace)
            context["tab"] = self.tab
            context["may"] = _May(self.actor, self.workspace.id)
        return render(self.request, f"console/{template}", context, status=status)


class _May:
    """For templates: `may.keys_write` is whether the actor holds `keys:write` here."""

    def __init__(self, actor: Actor, workspace: UUID | None) -> None:
        self._actor, self._workspace = actor, workspace

    def __getitem__(self, name: str) -> bool:
        return self._actor.may(Scope[name.upper()], self._workspace)


def problem_page(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A problem as a page that says what to do. Headings and texts are ours: nothing of the request is repeated."""
    heading = {403: "You may not do this", 404: "Nothing here", 421: "Another region", 412: "Changed meanwhile"}
    context = {"heading": heading.get(problem.status_code, "That did not work"), "problem": problem}
    if "url" in problem.members:
        context["url"] = directory().by_code(problem.members["cell"]).console_url
    return render(request, "console/problem.html", context, status=problem.status_code)


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """To the sign-in and back again; where a fragment was asked for, the whole page goes there."""
    if request.method not in ("GET", "HEAD"):
        target = reverse("sign-in")
    elif request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(reverse("sign-in"))
    else:
        target = f"{reverse('sign-in')}?{urlencode({'next': request.get_full_path()})}"
    return redirect(target)


def shown_version(request: HttpRequest) -> int:
    """The version that the page showed: nobody overwrites what they did not see."""
    text = request.POST.get("version", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Problem(400, "invalid", "The form was incomplete. Load the page again and repeat.")
    return int(text)
