"""Where the logs of all workspaces of the organization are sent, and turning that off."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from audit.organization_schedules import (
    OrganizationScheduleInfo,
    organization_schedule_change,
    organization_schedule_create,
    organization_schedule_end,
    organization_schedule_list,
)
from cell.access import Scope
from cell.ids import Tag
from cell.own_ids import own_id
from cell.problems import Problem
from console.schedule_forms import ScheduleForm
from console.views.base import ConsoleView, shown_version
from console.views.schedules import SHOWN, described
from workspaces.access import number_of


class OrganizationScheduleList(ConsoleView):
    needs = {"GET": Scope.AUDIT_READ, "POST": Scope.AUDIT_EXPORT}
    section = "schedules"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(ScheduleForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ScheduleForm(request.POST)
        if not form.is_valid():
            return self._page(form, status=422)
        try:
            organization_schedule_create(actor=self.actor, organization=self.organization, **form.asked)
        except Problem as problem:
            form.add_error(None, str(problem.detail))
            return self._page(form, status=problem.status_code)
        return redirect("organization-schedules")

    def _page(self, form: ScheduleForm, *, status: int = 200) -> HttpResponse:
        found = organization_schedule_list(self.organization, lambda rows: rows[:SHOWN])
        shown = [_schedule(one) for one in found]
        return self.page("organization_schedules.html", form=form, schedules=shown, status=status)


class OrganizationScheduleRetry(ConsoleView):
    """Goes on in the workspaces in which its destination refused, as it is."""

    needs = {"POST": Scope.AUDIT_EXPORT}
    section = "schedules"

    def post(self, request: HttpRequest, schedule_id: str) -> HttpResponse:
        organization_schedule_change(
            actor=self.actor,
            organization=self.organization,
            schedule=number_of(schedule_id, Tag.SCHEDULE),
            expected_version=shown_version(request),
        )
        return redirect("organization-schedules")


class OrganizationScheduleEnd(ConsoleView):
    needs = {"POST": Scope.AUDIT_EXPORT}
    section = "schedules"

    def post(self, request: HttpRequest, schedule_id: str) -> HttpResponse:
        number = number_of(schedule_id, Tag.SCHEDULE)
        organization_schedule_end(actor=self.actor, organization=self.organization, schedule=number)
        return redirect("organization-schedules")


def _schedule(info: OrganizationScheduleInfo) -> dict[str, Any]:
    stopped = [own_id(Tag.WORKSPACE, workspace) for workspace in info.stopped]
    return described(info) | {"stopped": stopped}
