"""Erasures of a workspace: asking for one, watching it, and its certificate."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from cell.access import Scope
from cell.config import config
from cell.ids import Tag, tagged
from cell.problems import Problem
from console.forms import ErasureForm
from console.views.base import ConsoleView
from retention.contracts import ErasureInfo
from retention.erasures import certificate_download, erasure_get, erasure_list, erasure_request
from workspaces.access import number_of

SHOWN = 100
STEPS = ("received", "scoped", "fenced", "shredding", "sweeping", "verifying", "primary-erased")


class ErasureList(ConsoleView):
    needs = {"GET": Scope.ERASURES_READ, "POST": Scope.ERASURES_WRITE}
    tab = "erasures"

    def get(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        return self._page(ErasureForm(initial={"request": request.GET.get("request", "")}))

    def post(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        form = ErasureForm(request.POST)
        if not form.is_valid():
            return self._page(form, status=422)
        try:
            number = number_of(form.cleaned_data["request"].strip(), Tag.REQUEST)
            erasure, _ = erasure_request(actor=self.actor, workspace=self.workspace, request=number)
        except Problem as problem:
            missing = "This workspace has no such request. Check its id." if problem.status_code == 404 else ""
            form.add_error("request", missing or str(problem.detail))
            return self._page(form, status=problem.status_code)
        return redirect("erasure", workspace_id, _shown(erasure)["id"])

    def _page(self, form: ErasureForm, *, status: int = 200) -> HttpResponse:
        found = erasure_list(self.workspace, lambda rows: rows[:SHOWN])
        return self.page("erasures.html", form=form, erasures=[_shown(one) for one in found], status=status)


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
        text = certificate_download(actor=self.actor, workspace=self.workspace, erasure=_number(erasure_id))
        name = f"certificate-{_tagged(Tag.ERASURE, _number(erasure_id))}.json"
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
        "id": _tagged(Tag.ERASURE, info.id),
        "request": _tagged(Tag.REQUEST, info.request),
        "state": info.state,
        "steps": [(step, place <= reached) for place, step in enumerate(STEPS)],
        "reached": reached + 1,
        "manifest": dict(info.manifest or {}),
        "received_at": info.received_at,
        "erased_at": info.erased_at,
        "certified": info.certified,
        "failed": info.state == "partial",
        "final": info.certified or info.state == "partial",
    }


def _tagged(tag: Tag, number: UUID) -> str:
    return tagged(tag, config().cell, number)
