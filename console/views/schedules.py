"""Where a workspace's log is sent: schedules, what was delivered, and turning one off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect

from audit.deliveries import DeliveryInfo, delivery_download, delivery_list
from audit.organization_schedules import OrganizationScheduleInfo
from audit.schedules import ScheduleInfo, schedule_change, schedule_create, schedule_end, schedule_list
from cell.access import Scope
from cell.ids import Tag
from cell.own_ids import own_id
from cell.problems import Problem
from console.schedule_forms import KINDS, ScheduleForm
from console.views.base import ConsoleView, shown_version
from workspaces.access import number_of

SHOWN = 20
"""Schedules, and deliveries of each."""


class ScheduleList(ConsoleView):
    needs = {"GET": Scope.AUDIT_READ, "POST": Scope.AUDIT_EXPORT}
    tab = "schedules"

    def get(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        return self._page(ScheduleForm())

    def post(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        form = ScheduleForm(request.POST)
        if not form.is_valid():
            return self._page(form, status=422)
        try:
            schedule_create(actor=self.actor, workspace=self.workspace, **form.asked)
        except Problem as problem:
            form.add_error(None, str(problem.detail))
            return self._page(form, status=problem.status_code)
        return redirect("schedules", workspace_id)

    def _page(self, form: ScheduleForm, *, status: int = 200) -> HttpResponse:
        found = schedule_list(self.workspace, lambda rows: rows[:SHOWN])
        shown = [_schedule(one, delivery_list(self.workspace, one.id, lambda rows: rows[:SHOWN])) for one in found]
        return self.page("schedules.html", form=form, schedules=shown, status=status)


class ScheduleRetry(ConsoleView):
    """Goes on with one that its destination refused, as it is."""

    needs = {"POST": Scope.AUDIT_EXPORT}
    tab = "schedules"

    def post(self, request: HttpRequest, workspace_id: str, schedule_id: str) -> HttpResponse:
        schedule_change(
            actor=self.actor,
            workspace=self.workspace,
            schedule=number_of(schedule_id, Tag.SCHEDULE),
            expected_version=shown_version(request),
        )
        return redirect("schedules", workspace_id)


class ScheduleEnd(ConsoleView):
    needs = {"POST": Scope.AUDIT_EXPORT}
    tab = "schedules"

    def post(self, request: HttpRequest, workspace_id: str, schedule_id: str) -> HttpResponse:
        schedule_end(actor=self.actor, workspace=self.workspace, schedule=number_of(schedule_id, Tag.SCHEDULE))
        return redirect("schedules", workspace_id)


class DeliveryDownload(ConsoleView):
    needs = {"GET": Scope.AUDIT_EXPORT}
    tab = "schedules"

    def get(self, request: HttpRequest, workspace_id: str, schedule_id: str, delivery_id: str) -> FileResponse:
        number = number_of(delivery_id, Tag.DELIVERY)
        content = delivery_download(
            actor=self.actor,
            workspace=self.workspace,
            schedule=number_of(schedule_id, Tag.SCHEDULE),
            delivery=number,
        )
        name = f"{own_id(Tag.DELIVERY, number)}.tar"
        return FileResponse(content, content_type="application/x-tar", as_attachment=True, filename=name)


def _schedule(info: ScheduleInfo, deliveries: list[DeliveryInfo]) -> dict[str, Any]:
    """What the page shows of it."""
    return {
        **described(info),
        "follows": None if info.follows is None else own_id(Tag.SCHEDULE, info.follows),
        "deliveries": [
            {**asdict(one), "id": own_id(Tag.DELIVERY, one.id), "entries": one.end - one.first} for one in deliveries
        ],
    }


def described(info: ScheduleInfo | OrganizationScheduleInfo) -> dict[str, Any]:
    """What pages show of a schedule, a workspace's or an organization's."""
    destination = info.destination
    return {
        **asdict(info),
        "id": own_id(Tag.SCHEDULE, info.id),
        "kind": KINDS[destination["kind"]],
        "address": _address(destination),
        "legal_area": str(destination["legal_area"]).upper(),
        "format": info.format.upper(),
    }


def _address(destination: Mapping[str, Any]) -> str:
    match destination:
        case {"host": host, "port": port}:
            return f"{host}:{port}"
        case {"url": url, "bucket": bucket, "prefix": prefix}:
            return f"{url}/{bucket}/{prefix}"
        case _:
            return str(destination["url"])
