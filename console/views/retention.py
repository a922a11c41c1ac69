"""How long a workspace keeps what, what happens then, and what is held back from it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from cell.access import Scope
from cell.config import config
from cell.ids import Tag, tagged
from cell.problems import Problem
from console.forms import HoldForm
from console.retention_forms import RetentionForm
from console.views.base import ConsoleView, shown_version
from retention.classes import registered
from retention.contracts import HoldInfo, Policy
from retention.holds import hold_list, hold_place, hold_release
from retention.policies import retention_policy, retention_policy_set
from retention.terms import days_of
from workspaces.access import number_of

SHOWN = 100


class Retention(ConsoleView):
    needs = {"GET": Scope.RETENTION_READ, "POST": Scope.RETENTION_WRITE}
    tab = "retention"

    def get(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        return _page(self)

    def post(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        form = RetentionForm(request.POST, policy=retention_policy(self.workspace))
        if not form.is_valid():
            return _page(self, form=form, status=422)
        try:
            retention_policy_set(
                actor=self.actor,
                workspace=self.workspace,
                store_payloads=form.cleaned_data["store_payloads"],
                payload_days=form.cleaned_data["payload_days"],
                classes=form.changed_classes(),
                reason=form.cleaned_data["reason"],
                expected_version=shown_version(request),
            )
        except Problem as problem:
            form.add_error(None, str(problem.detail))
            return _page(self, form=form, status=problem.status_code)
        return redirect("retention", workspace_id)


class HoldPlacing(ConsoleView):
    needs = {"POST": Scope.ERASURES_WRITE}
    tab = "retention"

    def post(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        form = HoldForm(request.POST)
        if not form.is_valid():
            return _page(self, hold=form, status=422)
        try:
            hold_place(actor=self.actor, workspace=self.workspace, **_covered(form.cleaned_data))
        except Problem as problem:
            form.add_error(None, str(problem.detail))
            return _page(self, hold=form, status=problem.status_code)
        return redirect("retention", workspace_id)


class HoldRelease(ConsoleView):
    needs = {"POST": Scope.ERASURES_WRITE}
    tab = "retention"

    def post(self, request: HttpRequest, workspace_id: str, hold_id: str) -> HttpResponse:
        hold_release(actor=self.actor, workspace=self.workspace, hold=number_of(hold_id, Tag.HOLD))
        return redirect("retention", workspace_id)


def _page(
    view: ConsoleView, *, form: RetentionForm | None = None, hold: HoldForm | None = None, status: int = 200
) -> HttpResponse:
    """The page; a form that was not in order stands in the place of its own kind, if whoever sent it may read the page."""
    context: dict[str, Any] = {"hold": hold}
    if view.actor.may(Scope.RETENTION_READ, view.workspace.id):
        policy = retention_policy(view.workspace)
        context |= {"policy": policy, "kept": _kept(policy), "form": form or RetentionForm(policy=policy)}
    if view.actor.may(Scope.ERASURES_READ, view.workspace.id):
        context["holds"] = [_shown(one) for one in hold_list(view.workspace, lambda rows: rows[:SHOWN])]
    if view.actor.may(Scope.ERASURES_WRITE, view.workspace.id):
        context["hold"] = hold or HoldForm()
    return view.page("retention.html", status=status, **context)


def _kept(policy: Policy) -> list[dict[str, object]]:
    return [
        {"label": known.label, "days": days_of(policy, known), "ends": known.ends, "rule": known.rule}
        for known in registered()
    ]


def _covered(said: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the service. Raises Problem for an id that is none."""
    covered: dict[str, Any] = {"reason": said["reason"]}
    if said["request"]:
        covered["request"] = number_of(said["request"].strip(), Tag.REQUEST)
    elif said["subject"]:
        covered["subject"] = said["subject"]
    return covered


def _shown(info: HoldInfo) -> dict[str, object]:
    cell = config().cell
    what = "the whole workspace" if info.subject is None else f"subject {info.subject}"
    return {
        "id": tagged(Tag.HOLD, cell, info.id),
        "what": what if info.request is None else tagged(Tag.REQUEST, cell, info.request),
        "reason": info.reason,
        "placed_at": info.placed_at,
        "released_at": info.released_at,
    }
