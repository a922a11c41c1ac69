"""Usage of a workspace by day: counting it from the requests' records, behind them, and reading it.

A day stays open while a request of it may still end, and is counted anew until then. No request is a day old; one that its
process left without an outcome gets it when somebody notices (`inference.gateway.lost`), so the day on which the process was
last heard of is open until it is forgotten. A worker that was away begins at the first open day.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import connection
from django.db.models import F, Max, Min, Sum, Value
from django.db.models.functions import Greatest

from cell.access import WorkspaceRef
from cell.telemetry import get_logger
from cell.tenancy import workspace_scope
from inference.gateway.models import Usage, UsageCount

BUDGET_S = 45.0
"""What is left after this is done by the next run."""

_DAY = timedelta(days=1)
# The processes are asked before anything is counted: one that is missing by now had its requests' outcomes written before.
_OPEN = "select open_day, clock_timestamp(), (select min(seen_at) from gateway_process) from gateway_usage_count"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of requests by how they ended, and sums over them."""

    completed: int = 0
    cancelled: int = 0
    failed: int = 0
    unknown: int = 0
    """Their process died before it could say."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    duration_ms: int = 0

    @property
    def requests(self) -> int:
        return self.completed + self.cancelled + self.failed + self.unknown

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class UsageRow:
    day: date
    model: str
    lane: str
    kind: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class UsageReport:
    first: date
    last: date
    as_of: datetime | None
    """Every request that had ended by then is counted; None before the first count."""
    rows: list[UsageRow]
    """By day, model, lane and kind. What was not used has no row."""

    @property
    def totals(self) -> Figures:
        return total(row.figures for row in self.rows)


def total(figures: Iterable[Figures]) -> Figures:
    return Figures(*(sum(column) for column in zip(*map(astuple, figures), strict=True)))


def usage_get(workspace: WorkspaceRef, *, first: date, last: date) -> UsageReport:
    """The workspace's usage from `first` to `last`, both included."""
    with workspace_scope(workspace):
        as_of = UsageCount.objects.get().counted_at
        found = Usage.objects.filter(workspace_id=workspace.id, day__range=(first, last))
        rows = [_row(row) for row in found.order_by("day", "model", "lane", "kind")]
    return UsageReport(first, last, as_of, rows)


@dataclass(frozen=True, slots=True)
class ModelUse:
    """That a workspace used a model, from when to when and how often."""

    model: str
    kind: str
    first_day: date
    last_day: date
    requests: int


def models_used(workspace: WorkspaceRef) -> list[ModelUse]:
    """What the workspace ever asked for, as far as it is counted; by model and kind."""
    with workspace_scope(workspace):
        found = Usage.objects.filter(workspace_id=workspace.id).values("model", "kind")
        ended = F("completed") + F("cancelled") + F("failed") + F("unknown")
        rows = found.annotate(first_day=Min("day"), last_day=Max("day"), requests=Sum(ended)).order_by("model", "kind")
        return [ModelUse(**row) for row in rows]


def count_usage(budget_s: float = BUDGET_S) -> bool:
    """Counts every open day, each in a transaction of its own. Returns whether all were done in time.

    Killed anywhere it has lost nothing, and two at once take turns.
    """
    deadline = time.monotonic() + budget_s
    with connection.cursor() as cursor:
        cursor.execute(_OPEN)
        open_day, now, heard = cursor.fetchone()
    today = now.astimezone(UTC).date()
    growing = min(now, heard or now).astimezone(UTC).date() - _DAY
    # Days that were missed first, each done with for good; then those that still grow, today's first.
    missed = [open_day + number * _DAY for number in range((growing - open_day).days)]
    days = missed + [today - number * _DAY for number in range((today - growing).days + 1)]
    for done, day in enumerate(days, start=1):
        _count(day)
        if day < growing:
            _advance(open_day=day + _DAY)
        if done < len(days) and time.monotonic() >= deadline:
            log.warning("usage.count.unfinished", days=len(days) - done)
            return False
    _advance(counted_at=now)
    return True


def _count(day: date) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select gateway_count_usage(%s)", [day])


def _advance(**to: date | datetime) -> None:
    """Never back: a count that took long may end after one that began later."""
    UsageCount.objects.update(**{name: Greatest(name, Value(value)) for name, value in to.items()})


def _row(row: Usage) -> UsageRow:
    figures = Figures(
        completed=row.completed,
        cancelled=row.cancelled,
        failed=row.failed,
        unknown=row.unknown,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        duration_ms=row.duration_ms,
    )
    return UsageRow(row.day, row.model, row.lane, row.kind, figures)
