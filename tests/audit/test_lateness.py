from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import psycopg
import pytest

from audit import lateness, supertree, tasks
from audit.actions import Action
from audit.lateness import audit_metrics, oldest_unsealed_seconds
from audit.log import record, tree_of
from audit.models import AuditEntry
from audit.sealer import seal_all
from bailiwick.celery import BEAT_SCHEDULE, app
from bailiwick.embedded.cluster import Cluster
from cell.access import system_actor
from cell.ids import uuid7
from cell.tenancy import workspace_scope
from tests.audit.people import a_workspace

pytestmark = pytest.mark.usefixtures("committed")


def _late_entry(cluster: Cluster) -> None:
    """One that nobody sealed for ten minutes."""
    workspace = a_workspace()
    with psycopg.connect(cluster.url("bailiwick_web")) as web:
        web.execute(
            "insert into audit_entry (id, workspace_id, organization_id, tree, kind, occurred_at, body)"
            " values (%s, %s, %s, %s, 0, clock_timestamp() - interval '10 minutes', '{}')",
            [uuid7(), workspace.id, workspace.organization, tree_of(workspace)],
        )


def test_the_age_of_the_oldest_unsealed_entry_is_told(cluster: Cluster) -> None:
    seal_all()
    assert oldest_unsealed_seconds() < 60

    _late_entry(cluster)

    assert 600 <= oldest_unsealed_seconds() < 660
    (told,) = re.findall(rb"^bailiwick_audit_oldest_unsealed_seconds (\S+)$", asyncio.run(audit_metrics()), re.M)
    assert 600 <= float(told) < 660
    seal_all()
    assert oldest_unsealed_seconds() < 60


def test_without_the_database_there_is_no_figure_rather_than_a_good_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class _Config:
        class database:
            conninfo = "host=/nowhere dbname=none"

    monkeypatch.setattr(lateness, "config", _Config)

    assert asyncio.run(audit_metrics()) == b""


def test_the_watch_says_so_when_sealing_is_behind(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int]] = []

    class _Log:
        def info(self, event: str, **_: int) -> None: ...

        def error(self, event: str, *, duration_ms: int) -> None:
            told.append((event, duration_ms))

    monkeypatch.setattr(tasks, "log", _Log())
    seal_all()
    tasks.watch()
    assert told == []

    _late_entry(cluster)
    tasks.watch()

    ((event, late),) = told
    assert event == "audit.seal.late" and late >= 600_000
    seal_all()


def test_the_watch_keeps_the_hour_of_the_tree_of_checkpoints() -> None:
    workspace = a_workspace()
    with workspace_scope(workspace):
        record(actor=system_actor("job"), action=Action.WORKSPACE_UPDATED, workspace=workspace)
    seal_all()

    tasks.watch()

    assert not supertree.due(timedelta(hours=1))
    with workspace_scope(workspace):
        assert AuditEntry.objects.count() == 1  # in use less than an hour ago: no heartbeat


def test_every_task_is_scheduled_and_known() -> None:
    app.loader.import_default_modules()

    ours = {entry["task"] for entry in BEAT_SCHEDULE.values() if entry["task"].startswith("audit.")}
    assert ours == {f"audit.tasks.{name}" for name in ("seal", "watch", "sweep_details", "ask_witnesses")}
    assert ours <= set(app.tasks)
    tasks.sweep_details()
    tasks.ask_witnesses()
