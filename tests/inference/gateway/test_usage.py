from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import ProgrammingError, connection, connections, transaction

from bailiwick.celery import BEAT_SCHEDULE, app
from cell.access import WorkspaceRef
from cell.config import config
from cell.ids import earliest, uuid7
from cell.tenancy import workspace_scope
from inference.gateway import tasks
from inference.gateway.models import RequestRecord, Usage, UsageCount
from inference.gateway.processes import new_tag
from inference.gateway.subjects import RequestSubjects
from inference.gateway.usage import Figures, count_usage, total, usage_get
from retention.stores import Target
from tests.factories import make_organization, make_workspace
from tests.inference.gateway.records import DAY, make_request, today, usage
from tests.retention.conftest import committed  # noqa: F401  # a fixture

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def workspace(committed: None) -> WorkspaceRef:  # noqa: F811
    return make_organization().workspace


@pytest.fixture
def owner(cluster: Any) -> Iterator[psycopg.Connection[Any]]:
    """Who may do what no service does yet: delete records, and make a process old."""
    with psycopg.connect(cluster.url("bailiwick_owner"), autocommit=True) as owner:
        yield owner


def last_counted(day: date) -> None:
    """As if the worker had been away since `day`."""
    UsageCount.objects.update(open_day=day - DAY)


def test_usage_is_counted_by_day_model_lane_kind_and_ending(workspace: WorkspaceRef) -> None:
    yesterday = today() - DAY
    for status in ("completed", "completed", "cancelled", "failed", "unknown"):
        make_request(workspace, status=status)
    make_request(workspace, lane="batch", duration_ms=2)
    make_request(workspace, kind="embedding", model="demo-embed", completion_tokens=0)
    make_request(workspace, yesterday, prompt_tokens=2_000_000_000)
    make_request(workspace, yesterday, prompt_tokens=2_000_000_000)
    before = datetime.now(UTC)

    assert count_usage()

    report = usage_get(workspace, first=yesterday, last=today())
    assert [(row.day, row.model, row.lane, row.kind, row.figures) for row in report.rows] == [
        (yesterday, "demo-chat", "standard", "chat", Figures(2, 0, 0, 0, 4_000_000_000, 14, 3000)),
        (today(), "demo-chat", "batch", "chat", Figures(1, 0, 0, 0, 5, 7, 2)),
        (today(), "demo-chat", "standard", "chat", Figures(2, 1, 1, 1, 25, 35, 7500)),
        (today(), "demo-embed", "standard", "embedding", Figures(1, 0, 0, 0, 5, 0, 1500)),
    ]
    assert report.totals == total(row.figures for row in report.rows)
    assert (report.totals.requests, report.totals.tokens) == (9, 4_000_000_091)
    assert report.as_of is not None
    assert before - timedelta(seconds=1) < report.as_of <= datetime.now(UTC) + timedelta(seconds=1)
    assert usage_get(workspace, first=yesterday, last=yesterday).totals.requests == 2


def test_the_day_is_utc_and_of_the_first_byte(workspace: WorkspaceRef) -> None:
    midnight = datetime(today().year, today().month, today().day, tzinfo=UTC).timestamp()
    for moment in (midnight - 0.001, midnight):
        with workspace_scope(workspace):
            row = RequestRecord.objects.get(id=make_request(workspace))
            row.pk = UUID(int=earliest(moment).int | uuid4().int & (1 << 60) - 1)
            row.save(force_insert=True)

    count_usage()

    assert usage_get(workspace, first=today() - DAY, last=today() - DAY).totals.requests == 1


def test_counting_again_changes_nothing_and_new_requests_are_added(workspace: WorkspaceRef) -> None:
    make_request(workspace)
    for _ in range(3):
        count_usage()
    once = usage(workspace)
    make_request(workspace)
    count_usage()

    assert (once.requests, once.tokens) == (1, 12)
    assert (usage(workspace).requests, usage(workspace).tokens) == (2, 24)


def test_two_counts_at_once_take_turns(workspace: WorkspaceRef) -> None:
    make_request(workspace)

    def counting() -> bool:
        done = count_usage()
        connections.close_all()
        return done

    with psycopg.connect(config().database.conninfo) as first, ThreadPoolExecutor(1) as threads:
        first.execute("select gateway_count_usage(%s)", [today()])
        make_request(workspace)
        second = threads.submit(counting)
        time.sleep(0.3)
        waited = not second.done()
        first.commit()

        assert (waited, second.result(30)) == (True, True)
    assert usage(workspace).requests == 2


def test_many_counts_among_many_requests_miss_and_double_nothing(workspace: WorkspaceRef) -> None:
    def repeated(action: Callable[[], object]) -> None:
        for _ in range(15):
            action()
        connections.close_all()

    actions: list[Callable[[], object]] = [count_usage, count_usage, count_usage]
    actions += [lambda: make_request(workspace), lambda: make_request(workspace, today() - DAY)]
    with ThreadPoolExecutor(len(actions)) as threads:
        for done in [threads.submit(repeated, action) for action in actions]:
            done.result(60)
    count_usage()

    assert (usage(workspace).requests, usage(workspace).tokens) == (30, 360)


def test_a_count_that_is_killed_leaves_the_figures_as_they_were(workspace: WorkspaceRef) -> None:
    make_request(workspace)
    dying = psycopg.connect(config().database.conninfo)
    dying.execute("select gateway_count_usage(%s)", [today()])
    dying.close()
    left = usage(workspace).requests

    count_usage()

    assert (left, usage(workspace).requests) == (0, 1)


def test_days_that_were_missed_are_made_up_for_even_in_many_runs(workspace: WorkspaceRef) -> None:
    days = [today() - age * DAY for age in (6, 5, 3, 0)]
    for day in days:
        make_request(workspace, day)
    last_counted(days[0])

    runs = [count_usage(budget_s=0) for _ in range(6)]
    made_up = usage(workspace).requests
    runs += [count_usage(budget_s=0), count_usage()]

    assert (runs, made_up) == ([False] * 7 + [True], 3)
    report = usage_get(workspace, first=days[0], last=today())
    assert [(row.day, row.figures.requests) for row in report.rows] == [(day, 1) for day in days]
    assert UsageCount.objects.get().open_day == today() - DAY


def test_a_count_that_has_no_time_for_yesterday_still_counts_today(workspace: WorkspaceRef) -> None:
    count_usage()
    make_request(workspace, today() - DAY)
    make_request(workspace)

    assert not count_usage(budget_s=0)

    assert [row.day for row in usage_get(workspace, first=today() - DAY, last=today()).rows] == [today()]


def test_the_moment_of_the_last_count_is_said_only_when_all_days_are_done(workspace: WorkspaceRef) -> None:
    count_usage()
    before = UsageCount.objects.get().counted_at
    last_counted(today() - 3 * DAY)
    count_usage(budget_s=0)
    half = UsageCount.objects.get().counted_at
    count_usage()

    assert half == before
    assert UsageCount.objects.get().counted_at > before


def test_a_day_is_open_while_a_process_that_died_on_it_has_requests_without_outcome(
    workspace: WorkspaceRef, owner: psycopg.Connection[Any]
) -> None:
    death, tag = today() - 4 * DAY, new_tag()
    last_counted(death)
    make_request(workspace, death)
    owner.execute("insert into gateway_process (tag, started_at, seen_at) values (%s, %s, %s)", [tag, death, death])
    count_usage()
    held = UsageCount.objects.get().open_day
    make_request(workspace, death, status="unknown")
    owner.execute("delete from gateway_process where tag = %s", [tag])
    count_usage()

    assert held == death - DAY
    assert usage(workspace) == Figures(1, 0, 0, 1, 10, 14, 3000)
    assert UsageCount.objects.get().open_day == today() - DAY


def test_erased_and_retired_records_lower_no_figure(workspace: WorkspaceRef, owner: psycopg.Connection[Any]) -> None:
    erased, retired, _ = (make_request(workspace) for _ in range(3))
    count_usage()
    figures = usage(workspace)

    RequestSubjects().execute(Target(workspace, erased, uuid7()))
    count_usage()
    after_erasure = usage(workspace)
    owner.execute("delete from gateway_request where id = %s", [retired])
    count_usage()
    after_retirement = usage(workspace)
    owner.execute("delete from gateway_request where workspace_id = %s", [workspace.id])
    count_usage()

    assert figures.requests == 3
    assert after_erasure == after_retirement == usage(workspace) == figures


def test_a_request_that_is_erased_before_it_is_counted_is_counted(workspace: WorkspaceRef) -> None:
    RequestSubjects().execute(Target(workspace, make_request(workspace), uuid7()))

    count_usage()

    assert usage(workspace).requests == 1


def test_each_workspace_sees_its_own_figures_and_nobody_any_outside_of_a_scope() -> None:
    organization, stranger = make_organization(), make_organization()
    sibling = make_workspace(organization)
    for workspace in (organization.workspace, sibling, stranger.workspace):
        make_request(workspace)
    count_usage()

    for workspace in (organization.workspace, sibling, stranger.workspace):
        assert usage(workspace).requests == 1
        with workspace_scope(workspace):
            assert set(Usage.objects.values_list("workspace_id", flat=True)) == {workspace.id}
    assert not Usage.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "insert into gateway_usage (workspace_id) values (gen_random_uuid())",
        "update gateway_usage set completed = 0",
        "delete from gateway_usage",
        "truncate gateway_usage",
        "delete from gateway_usage_count",
        "insert into gateway_usage_count (id, open_day) values (2, now())",
    ],
)
def test_the_web_role_writes_no_figure(statement: str) -> None:
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_auditor_reads_all_and_no_other_role_may_count(cluster: Any) -> None:
    with psycopg.connect(config().auditor_database.conninfo) as auditor:  # type: ignore[union-attr]  # tests have one
        auditor.execute("select count(*) from gateway_usage, gateway_usage_count")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            auditor.execute("select gateway_count_usage(now()::date)")


def test_counting_is_woken_every_minute() -> None:
    app.loader.import_default_modules()
    entries = [entry for entry in BEAT_SCHEDULE.values() if entry["task"] == tasks.count_usage.name]

    assert [entry["schedule"] for entry in entries] == [60]
    assert tasks.count_usage.name in app.tasks
    tasks.count_usage()
