"""Celery's side of the jobs: being woken, and waking what nobody woke."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from cell import jobs
from cell.jobs.queue import WAKE_TASK, wake

SWEEP_EVERY_S = 5.0
SWEEP_TASK = "cell.jobs.sweep"


@shared_task(name=WAKE_TASK)
def run_job(job: str) -> None:
    jobs.run(UUID(job))


@shared_task(name=SWEEP_TASK)
def sweep() -> None:
    """Wakes every job that is due: after an empty broker, a dead worker or a wait."""
    for job in jobs.due():
        wake(job)
