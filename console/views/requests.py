"""The requests of a workspace, newest first: how each ended, as figures. What was said is shown to nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from cell.access import Scope
from cell.ids import Tag
from cell.own_ids import own_id
from console.views.base import ConsoleView
from inference.gateway.selectors import RequestInfo, request_list
from workspaces.access import number_of
from workspaces.regions import own_region

ROWS = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A request as people read it."""

    id: str
    at: datetime
    kind: str
    model: str
    status: str
    http_status: int
    prompt_tokens: int
    completion_tokens: int
    redactions: list[tuple[str, int]]
    """Types and how many of each, by name."""
    duration: str


class RequestList(ConsoleView):
    """`before` continues it below a request; htmx asks for the rows alone."""

    needs = {"GET": Scope.AUDIT_READ}
    tab = "requests"

    def get(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        before = number_of(request.GET["before"], Tag.REQUEST) if "before" in request.GET else None
        found = request_list(self.workspace, lambda rows: (rows.filter(id__lt=before) if before else rows)[: ROWS + 1])
        context: dict[str, Any] = {
            "rows": [_row(info) for info in found[:ROWS]],
            "more": len(found) > ROWS,
            "may_erase": self.actor.may(Scope.ERASURES_WRITE, self.workspace.id),
            "workspace_id": workspace_id,
        }
        if request.headers.get("HX-Request"):
            return render(request, "console/request_rows.html", context)
        return self.page("requests.html", **context, paged=before is not None, base_url=own_region().base_url)


def _row(info: RequestInfo) -> Row:
    return Row(
        id=own_id(Tag.REQUEST, info.id),
        at=info.started_at,
        kind=info.kind,
        model=info.model,
        status=info.status,
        http_status=info.http_status,
        prompt_tokens=info.prompt_tokens,
        completion_tokens=info.completion_tokens,
        redactions=sorted(info.redactions.items()),
        duration=_duration(info.duration_ms),
    )


def _duration(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
