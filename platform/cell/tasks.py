"""Celery's side of the ground floor: waking jobs, and what nobody woke; sweeping the object store; rewriting the key store."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from celery import shared_task

from cell import jobs, objects, scratch
from cell.config import config
from cell.jobs.queue import WAKE_TASK, wake
from cell.keystore import rewriting
from cell.telemetry import get_logger

SWEEP_EVERY_S = 5.0
SWEEP_TASK = "cell.jobs.sweep"
SWEEP_OBJECTS_TASK = "cell.objects.sweep"
SWEEP_SCRATCH_TASK = "cell.scratch.sweep"
REWRITE_KEYS_TASK = "cell.keystore.rewrite"
SWEEP_OBJECTS_WITHIN_S = 50.0
"""Of the 75 s that a task has; a request that is being repeated may take the rest."""
LEFT_BEHIND = timedelta(days=1)
"""What is younger may still be written."""

log = get_logger(__name__)


@shared_task(name=WAKE_TASK)
def run_job(job: str) -> None:
    jobs.run(UUID(job))


@shared_task(name=SWEEP_TASK)
def sweep() -> None:
    """Wakes every job that is due: after an empty broker, a dead worker or a wait."""
    for job in jobs.due():
        wake(job)


@shared_task(name=SWEEP_OBJECTS_TASK)
def sweep_objects() -> None:
    """Removes from the object store what writers left behind more than a day ago."""
    swept = objects.sweep(objects.store(), older_than=LEFT_BEHIND, within_s=SWEEP_OBJECTS_WITHIN_S)
    if swept.uploads or swept.markers or not swept.finished:
        log.info("objects.sweep", uploads=swept.uploads, markers=swept.markers, finished=swept.finished)


@shared_task(name=SWEEP_SCRATCH_TASK)
def sweep_scratch() -> None:
    """Every minute: removes what killed processes of this home had in the making."""
    if gone := scratch.sweep():
        log.info("scratch.sweep", folders=gone)


@shared_task(name=REWRITE_KEYS_TASK)
def rewrite_keys() -> None:
    """Every hour, for once a day: what was destroyed since goes from the files of the key store's server."""
    try:
        done = rewriting.rewrite_if_due(config().keystore_database)
    except rewriting.RewriteUnfinished as error:
        # Tried again in an hour. Certificates of erasures wait for it.
        log.error("keys.rewrite.unfinished", reason=str(error))
        return
    if done is not None:
        log.info("keys.rewrite", longest_lock_s=round(done.longest_lock_s, 3), segments=done.segments)
