"""What a workspace used: totals, tokens a day as a picture, and the same figures in tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import TypeVar

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from cell.access import Scope
from console.views.base import ConsoleView
from inference.gateway.usage import Figures, UsageReport, UsageRow, total, usage_get

PERIODS = (7, 30, 90)
"""Days, today included, that the page can show."""
USUAL = 30

_Same = TypeVar("_Same", date, tuple[str, str, str])


@dataclass(frozen=True, slots=True)
class Bar:
    """A day in the chart, in its units: days from the left, thousandths of the highest day from the top."""

    x: int
    prompt_y: int
    prompt_height: int
    answer_y: int
    answer_height: int


@dataclass(frozen=True, slots=True)
class Line:
    """Figures as people read them, with commas."""

    requests: str
    endings: str
    """How those ended that did not complete."""
    prompt_tokens: str
    completion_tokens: str
    duration: str


class UsageOne(ConsoleView):
    """`days` is one of the periods; anything else shows the usual one."""

    needs = {"GET": Scope.WORKSPACES_READ}
    tab = "usage"

    def get(self, request: HttpRequest, workspace_id: str) -> HttpResponse:
        days = next((period for period in PERIODS if str(period) == request.GET.get("days")), USUAL)
        today = timezone.now().date()
        report = usage_get(self.workspace, first=today - timedelta(days=days - 1), last=today)
        by_day = _grouped(report.rows, _day)
        highest = max((figures.tokens for _, figures in by_day), default=0)
        return self.page(
            "usage.html",
            periods=PERIODS,
            period=days,
            report=report,
            total=_line(report.totals),
            bars=_bars(report, dict(by_day), highest),
            highest=f"{highest:,}",
            by_day=[(day, _line(figures)) for day, figures in reversed(by_day)],
            by_model=[(name, _line(figures)) for name, figures in _grouped(report.rows, _model)],
        )


def _day(row: UsageRow) -> date:
    return row.day


def _model(row: UsageRow) -> tuple[str, str, str]:
    return row.model, row.kind, row.lane


def _grouped(rows: Iterable[UsageRow], key: Callable[[UsageRow], _Same]) -> list[tuple[_Same, Figures]]:
    """Totals of the rows that are alike, in order of what they have in common."""
    ordered = sorted(rows, key=key)
    return [(same, total(row.figures for row in alike)) for same, alike in groupby(ordered, key)]


def _bars(report: UsageReport, by_day: dict[date, Figures], highest: int) -> list[Bar]:
    bars = []
    for x in range((report.last - report.first).days + 1):
        figures = by_day.get(report.first + timedelta(days=x), Figures())
        if not figures.tokens:
            continue
        prompt, both = (round(1000 * tokens / highest) for tokens in (figures.prompt_tokens, figures.tokens))
        bars.append(Bar(x, 1000 - prompt, prompt, 1000 - both, both - prompt))
    return bars


def _line(figures: Figures) -> Line:
    endings = {"cancelled": figures.cancelled, "failed": figures.failed, "unknown": figures.unknown}
    return Line(
        requests=f"{figures.requests:,}",
        endings=", ".join(f"{count:,} {ending}" for ending, count in endings.items() if count),
        prompt_tokens=f"{figures.prompt_tokens:,}",
        completion_tokens=f"{figures.completion_tokens:,}",
        duration=_duration(figures.duration_ms),
    )


def _duration(milliseconds: int) -> str:
    """Seconds, or hours and minutes once they are many."""
    if milliseconds < 600_000:
        return f"{milliseconds / 1000:.1f} s"
    minutes = milliseconds // 60_000
    return f"{minutes // 60:,} h {minutes % 60} min"
