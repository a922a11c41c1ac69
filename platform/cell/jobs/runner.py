"""Running one job from claim to result."""

from __future__ import annotations

import time
from uuid import UUID

from cell.jobs.lease import Lease, LeaseLost, claim
from cell.jobs.registry import Again
from cell.telemetry import get_logger

log = get_logger(__name__)


class Crashed(Exception):
    """The job's worker died in every attempt."""


def run(job: UUID) -> bool:
    """Runs `job` if it is due and nobody holds it. Returns whether it ran here. A failure is recorded in the job's row."""
    lease = claim(job)
    if lease is None:
        return False
    started = time.monotonic()
    try:
        _attempt(lease)
    except LeaseLost:
        log.warning("job.lease.lost", job=str(job), kind=lease.kind, attempt=lease.attempt)
        return True
    log.info(
        "job.attempt.end",
        job=str(job),
        kind=lease.kind,
        attempt=lease.attempt,
        duration_ms=round((time.monotonic() - started) * 1000),
    )
    return True


def _attempt(lease: Lease) -> None:
    limit = lease.handler.max_attempts
    if limit is not None and lease.attempt > limit:
        lease.fail(Crashed())
        return
    try:
        result = lease.handler.function(lease)
    except Again as again:
        lease.release(again.after_s)
    except LeaseLost:
        raise
    except Exception as error:  # whatever it was, it is in the log and in the job's row, and the job is tried again
        log.warning("job.attempt.failed", job=str(lease.id), kind=lease.kind, attempt=lease.attempt, exc_info=error)
        lease.fail(error)
    else:
        if not lease.completed:
            lease.complete(result)
