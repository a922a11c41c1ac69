"""Putting jobs into their table and asking what is due."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from celery import Celery
from django.db import connection, transaction
from kombu.exceptions import OperationalError

from cell.access import Environment, WorkspaceRef
from cell.config import config
from cell.ids import uuid7
from cell.jobs.registry import handler_of
from cell.models import Job
from cell.telemetry import get_logger
from cell.tenancy import organization_scope, workspace_scope

log = get_logger(__name__)

WAKE_TASK = "cell.jobs.run"
"""Celery's name for the task that runs one job; its only argument is the job's id."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    id: UUID
    kind: str
    state: str
    """`queued`, `running`, `done` or `failed`."""
    attempts: int
    result: Mapping[str, Any] | None
    error: str
    """Type of the last failure, or empty."""
    created_at: datetime
    finished_at: datetime | None


def enqueue(
    kind: str,
    *,
    effect_key: str,
    args: Mapping[str, str],
    workspace: WorkspaceRef | None = None,
    organization: UUID | None = None,
    delay_s: float = 0.0,
) -> UUID:
    """Writes a job in the caller's transaction (or one of its own) and wakes a worker after it commits. Returns its id.

    `args` are ids and numbers as text, never what a person wrote. A second job of the same tenant with the same
    `effect_key` is not made: the first one's id comes back. Raises UnknownKind.
    """
    declared = handler_of(kind)
    organization = workspace.organization if workspace else organization
    with tenant_scope(workspace, organization), connection.cursor() as cursor:
        cursor.execute(
            "insert into cell_job (id, kind, organization_id, workspace_id, environment, args, effect_key, state, attempts,"
            " max_attempts, run_after, error, created_at)"
            " values (%s, %s, %s, %s, %s, %s::jsonb, %s, 'queued', 0, %s,"
            " clock_timestamp() + make_interval(secs => %s), '', clock_timestamp())"
            " on conflict (organization_id, workspace_id, effect_key) do nothing",
            [
                uuid7(),
                kind,
                organization,
                workspace.id if workspace else None,
                workspace.environment.value if workspace else "",
                _json(args),
                effect_key,
                declared.max_attempts,
                delay_s,
            ],
        )
        job = Job.objects.get(
            organization_id=organization, workspace_id=workspace.id if workspace else None, effect_key=effect_key
        )
        if delay_s <= 0:
            transaction.on_commit(lambda: wake(job.id))
    return job.id


def status(job: UUID) -> JobStatus | None:
    """What became of a job that the caller's scope may see."""
    row = Job.objects.filter(pk=job).first()
    if row is None:
        return None
    return JobStatus(row.id, row.kind, row.state, row.attempts, row.result, row.error, row.created_at, row.finished_at)


def due(limit: int = 500) -> list[UUID]:
    """Jobs of all tenants that should run now: new, waited long enough, or left behind by a worker that died."""
    with connection.cursor() as cursor:
        cursor.execute("select id from cell_due_jobs(%s)", [limit])
        return [job for (job,) in cursor.fetchall()]


def wake(job: UUID, after_s: float = 0.0) -> None:
    """Sends the wake-up, to arrive after `after_s`. If Redis is away the sweeper will do it: the row is not lost."""
    try:
        _broker().send_task(WAKE_TASK, args=[str(job)], countdown=after_s or None, retry=False)
    except OperationalError:
        log.warning("job.wake.deferred", job=str(job), reason="broker unavailable")


@cache
def _broker() -> Celery:
    """Only sends. A caller waits for a wake-up in vain: when Redis is away it is told so at once."""
    app = Celery("wake", broker=config().redis_url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        broker_transport_options={
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0,
            "interval_max": 0,
            "socket_connect_timeout": 1.0,
            "socket_timeout": 2.0,
        },
    )
    return app


def tenant_of(job: UUID) -> tuple[WorkspaceRef | None, UUID | None] | None:
    """The workspace and organization a job belongs to; None if there is no such job."""
    with connection.cursor() as cursor:
        cursor.execute("select organization_id, workspace_id, environment from cell_job_tenant(%s)", [job])
        row = cursor.fetchone()
    if row is None:
        return None
    organization, workspace, environment = row
    if workspace is None:
        return None, organization
    return WorkspaceRef(workspace, organization, config().region, Environment(environment)), organization


@contextmanager
def tenant_scope(workspace: WorkspaceRef | None, organization: UUID | None) -> Iterator[None]:
    """One transaction in the job's tenant; a job of the cell itself has none."""
    if workspace is not None:
        with workspace_scope(workspace):
            yield
    elif organization is not None:
        with organization_scope(organization):
            yield
    else:
        with transaction.atomic():
            yield


def _json(args: Mapping[str, str]) -> str:
    return json.dumps(dict(args))
