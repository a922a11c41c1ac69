"""The lease: one worker's right to do a job for a while, and the proof that it still has it when it commits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from cell.access import WorkspaceRef
from cell.jobs.queue import tenant_of, tenant_scope, wake
from cell.jobs.registry import Handler, handler_of
from cell.models import Job, JobState

_FIRST_BACKOFF_S = 1.0
_SWEEPER_IS_SOONER_S = 5.0
"""Waits from here on are ended by the sweeper, at no cost to the broker."""


class LeaseLost(Exception):
    """Another worker has the job now, or may have it: whatever was about to be committed must not be."""


@dataclass(slots=True)
class Lease:
    """A claimed job. Made by `claim`."""

    id: UUID
    kind: str
    args: Mapping[str, str]
    workspace: WorkspaceRef | None
    organization: UUID | None
    attempt: int
    """1 for the first."""
    handler: Handler
    owner: UUID = field(default_factory=uuid4)
    completed: bool = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction in the job's tenant that commits only while the lease holds. Raises LeaseLost.

        The job's row stays locked to its end, so nobody claims the job between the check and the commit.
        """
        with tenant_scope(self.workspace, self.organization):
            self._require()
            yield

    def extend(self) -> None:
        """Another `lease_s` from now. Raises LeaseLost."""
        with tenant_scope(self.workspace, self.organization), connection.cursor() as cursor:
            cursor.execute(
                "update cell_job set lease_until = clock_timestamp() + make_interval(secs => %s)"
                " where id = %s and lease_owner = %s and lease_until > clock_timestamp()",
                [self.handler.lease_s, self.id, self.owner],
            )
            if cursor.rowcount != 1:
                raise LeaseLost

    def complete(self, result: Mapping[str, Any] | None) -> None:
        """Ends the job with `result`. Inside `transaction()` it commits together with the effect. Raises LeaseLost."""
        self._end(JobState.DONE, result=None if result is None else dict(result), error="")
        self.completed = True

    def release(self, after_s: float) -> None:
        """Gives the job back, to be run again after `after_s`; this attempt does not count."""
        self._requeue(after_s, attempts=self.attempt - 1, error="")

    def fail(self, error: BaseException) -> None:
        """Records a failure: another attempt after a growing wait, or the end of it when all attempts are used up."""
        kind = type(error).__qualname__
        if self.handler.max_attempts is not None and self.attempt >= self.handler.max_attempts:
            self._end(JobState.FAILED, result=None, error=kind)
        else:
            wait = min(self.handler.backoff_limit_s, _FIRST_BACKOFF_S * 2 ** min(self.attempt - 1, 20))
            self._requeue(wait, attempts=self.attempt, error=kind)

    def _end(self, state: JobState, *, result: Mapping[str, Any] | None, error: str) -> None:
        with self.transaction(), connection.cursor() as cursor:
            cursor.execute("select clock_timestamp()")
            (now,) = cursor.fetchone()
            Job.objects.filter(pk=self.id).update(
                state=state, result=result, error=error, lease_owner=None, lease_until=None, finished_at=now
            )

    def _requeue(self, after_s: float, *, attempts: int, error: str) -> None:
        with self.transaction(), connection.cursor() as cursor:
            cursor.execute(
                "update cell_job set state = 'queued', attempts = %s, error = %s, lease_owner = null, lease_until = null,"
                " run_after = clock_timestamp() + make_interval(secs => %s) where id = %s",
                [attempts, error, after_s, self.id],
            )
            if after_s < _SWEEPER_IS_SOONER_S:
                transaction.on_commit(lambda: wake(self.id, after_s))

    def _require(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "select 1 from cell_job where id = %s and lease_owner = %s and lease_until > clock_timestamp() for update",
                [self.id, self.owner],
            )
            if cursor.fetchone() is None:
                raise LeaseLost


def claim(job: UUID) -> Lease | None:
    """The lease of a job that is due; None if it is not, or somebody holds it. Raises UnknownKind."""
    tenant = tenant_of(job)
    if tenant is None:
        return None
    workspace, organization = tenant
    with tenant_scope(workspace, organization), connection.cursor() as cursor:
        row = Job.objects.filter(pk=job).first()
        if row is None:
            return None
        handler = handler_of(row.kind)
        lease = Lease(job, row.kind, row.args, workspace, organization, row.attempts + 1, handler)
        cursor.execute(
            "update cell_job set state = 'running', attempts = attempts + 1, lease_owner = %s,"
            " lease_until = clock_timestamp() + make_interval(secs => %s)"
            " where id = %s and attempts = %s and state in ('queued', 'running') and run_after <= clock_timestamp()"
            " and (lease_until is null or lease_until < clock_timestamp())",
            [lease.owner, handler.lease_s, job, row.attempts],
        )
        return lease if cursor.rowcount == 1 else None
