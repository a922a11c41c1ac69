"""Erasures of a workspace: asking for one, watching it, and its certificate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from cell.access import Scope
from cell.ids import Tag
from cell.own_ids import own_id
from cell.problems import Problem
from console.forms import ErasureForm
from console.views.base import ConsoleView
from retention.contracts import ErasureInfo
from retention.erasures import certificate_download, erasure_get, erasure_list, erasure_preview, erasure_request
from workspaces.access import number_of

SHOWN = 100
STEPS = ("received", "scoped", "fenced", "shredding", "sweeping", "verifying", "primary-erased", "beyond-recovery")
MISSING = {
    "request": "This workspace has no such request. Check its id.",
    "subject": "This workspace has no request about them. Check how your application names them.",
}


class ErasureList(ConsoleView):
    needs = {"GET": Scope.ERASURES_READ, "POST": Scope.ERASURES_WRITE}
    tab = "erasures"

    def get(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        return self._page(ErasureForm(initial={"request": request.GET.get("request", "")}))

    def post(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        form = ErasureForm(request.POST)
        if not form.is_valid():
            return self._page(form, status=422)
        (field, value), *_ = form.cleaned_data.items()
        try:
            asked = self._asked(field, value)
            if "preview" in request.POST:
                return self._page(form, found=erasure_preview(workspace=self.workspace, **asked))
            erasure, _ = erasure_request(actor=self.actor, workspace=self.workspace, **asked)
        except Problem as problem:
            missing = MISSING.get(field, "") if problem.status_code == 404 else ""
            form.add_error(field, missing or str(problem.detail))
            return self._page(form, status=problem.status_code)
        return redirect("erasure", workspace_id, _shown(erasure)["id"])

    def _asked(self, field: str, value: str) -> dict[str, Any]:
        """The arguments of the services. Raises Problem."""
        if field == "request":
            return {"request": number_of(value.strip(), Tag.REQUEST)}
        if field == "subject":
            return {"subject": value}
        if number_of(value.strip(), Tag.WORKSPACE) != self.workspace.id:
            raise Problem(400, "invalid", "That is the id of another workspace.")
        return {"whole": True}

    def _page(self, form: ErasureForm, *, status: int = 200, found: Mapping[str, int] | None = None) -> HttpResponse:
        erasures = erasure_list(self.workspace, lambda rows: rows[:SHOWN])
        shown = [_shown(one) for one in erasures]
        return self.page("erasures.html", form=form, erasures=shown, found=found, status=status)


class ErasureOne(ConsoleView):
    """The erasure's page; its state alone for htmx, which asks until it is final."""

    needs = {"GET": Scope.ERASURES_READ}
    tab = "erasures"

    def get(self, request: HttpRequest, workspace_id: str, erasure_id: str) -> HttpResponse:
        erasure = _shown(erasure_get(self.workspace, _number(erasure_id)))
        if not request.headers.get("HX-Request"):
            return self.page("erasure.html", erasure=erasure, workspace_id=workspace_id)
        return render(request, "console/erasure_state.html", {"erasure": erasure, "workspace_id": workspace_id})


class Certificate(ConsoleView):
    needs = {"GET": Scope.ERASURES_READ}
    tab = "erasures"

    def get(self, request: HttpRequest, workspace_id: str, erasure_id: str) -> HttpResponse:
        final = "final" in request.GET
        number = _number(erasure_id)
        text = certificate_download(actor=self.actor, workspace=self.workspace, erasure=number, final=final)
        name = f"certificate-{own_id(Tag.ERASURE, number)}{'-final' if final else ''}.json"
        return HttpResponse(
            text,
            content_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _number(erasure_id: str) -> UUID:
    return number_of(erasure_id, Tag.ERASURE)


def _shown(info: ErasureInfo) -> dict[str, Any]:
    """What a page shows of it: public ids, how far it is, and whether that is the end."""
    reached = STEPS.index(info.state) if info.state in STEPS else -1
    return {
        "id": own_id(Tag.ERASURE, info.id),
        "what": _what(info),
        "state": info.state,
        "steps": [(step, place <= reached) for place, step in enumerate(STEPS)],
        "reached": reached + 1,
        "manifest": dict(info.manifest or {}),
        "received_at": info.received_at,
        "erased_at": info.erased_at,
        "certified": info.certified,
        "beyond_recovery": info.beyond_recovery,
        "held": info.state == "held",
        "failed": info.state == "partial",
        "final": info.certified or info.state == "partial",
    }


def _what(info: ErasureInfo) -> str:
    """What an erasure is of, in a few words."""
    if info.request is not None:
        return own_id(Tag.REQUEST, info.request)
    return "the whole workspace" if info.subject is None else f"subject {info.subject}"
