"""What an organization settles with the operator: how it is reached, the agreement, and whom the operator engages."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from cell.access import Scope
from cell.config import config
from cell.problems import Problem
from console.record_forms import ControllerForm
from console.views.base import ConsoleView, shown_version
from workspaces.access import is_owner
from workspaces.agreements import agreement_get
from workspaces.selectors import organization_get
from workspaces.services import agreement_accept, organization_update, subprocessors_acknowledge
from workspaces.subprocessors import SubprocessorsInfo, acknowledged, subprocessor_versions

SHOWN = 20
"""Versions of the list; the API has them all."""


class DataProtection(ConsoleView):
    """Sub-processors for everyone; the rest for whoever sees the organization."""

    section = "data-protection"
    needs = {"GET": None, "POST": Scope.WORKSPACES_WRITE}

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page()

    def post(self, request: HttpRequest) -> HttpResponse:
        """How the organization is reached."""
        form = ControllerForm(request.POST)
        if not form.is_valid():
            return self._page(form, status=422)
        try:
            organization_update(
                actor=self.actor,
                organization=self.organization,
                changes=form.cleaned_data,
                expected_version=shown_version(request),
            )
        except Problem as problem:
            form.add_error(None, str(problem.detail))
            return self._page(form, status=problem.status_code)
        return redirect("data-protection")

    def _page(self, form: ControllerForm | None = None, *, status: int = 200) -> HttpResponse:
        context: dict[str, Any] = {
            "versions": [_shown(info) for info in subprocessor_versions(lambda rows: rows[:SHOWN])],
            "acknowledged": acknowledged(self.organization),
            "operator": config().operator,
            "is_owner": is_owner(self.actor),
        }
        if self.actor.may(Scope.WORKSPACES_READ):
            found = organization_get(self.organization)
            context["agreement"] = agreement_get(self.organization)
            context["form"] = form or ControllerForm(
                initial={name: getattr(found, name) for name in ControllerForm.base_fields}
            )
        return self.page("data_protection.html", status=status, **context)


class AgreementAcceptance(ConsoleView):
    section = "data-protection"
    needs = {"POST": Scope.WORKSPACES_WRITE}

    def post(self, request: HttpRequest) -> HttpResponse:
        agreement_accept(actor=self.actor, organization=self.organization, version=request.POST.get("version", ""))
        return redirect("data-protection")


class SubprocessorsAcknowledgement(ConsoleView):
    section = "data-protection"
    needs = {"POST": Scope.WORKSPACES_WRITE}

    def post(self, request: HttpRequest, version: int) -> HttpResponse:
        subprocessors_acknowledge(actor=self.actor, organization=self.organization, version=version)
        return redirect("data-protection")


def _shown(info: SubprocessorsInfo) -> dict[str, Any]:
    return {
        "version": info.version,
        "state": info.state.value,
        "published_at": info.published_at,
        "objections_until": info.objections_until,
        "subprocessors": info.list.subprocessors,
    }
