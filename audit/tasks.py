"""What Celery wakes up."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task

from audit import heartbeat, personal, supertree
from audit.cosigning import job as cosigning
from audit.cosigning import lateness as witnesses
from audit.lateness import LATE_S, oldest_unsealed_seconds
from audit.sealer import seal_all
from cell.config import config
from cell.telemetry import get_logger

log = get_logger(__name__)


@shared_task(name="audit.tasks.seal")
def seal() -> None:
    """Every second: number, hash and sign what was committed since."""
    sealed = seal_all()
    if sealed.entries:
        log.info("audit.seal.complete", count=sealed.trees, entries=sealed.entries)


@shared_task(name="audit.tasks.watch")
def watch() -> None:
    """Every minute: an entry into each tree that is idle, the checkpoints of all trees when their hour has come, and a word
    about entries that should have been sealed, and checkpoints that should have been co-signed by now."""
    late = oldest_unsealed_seconds()
    if late > LATE_S:
        log.error("audit.seal.late", duration_ms=int(late * 1000))
    for witness in witnesses.standings():
        if witness.lag_s > witnesses.LATE_S:
            log.error("audit.witness.late", key=witness.name, duration_ms=int(witness.lag_s * 1000))
    if beats := heartbeat.beat():
        log.info("audit.heartbeat.complete", entries=beats)
    if supertree.due(timedelta(seconds=config().audit_checkpoints_s)) and (leaves := supertree.seal_checkpoints()):
        log.info("audit.checkpoints.complete", count=leaves)


@shared_task(name="audit.tasks.ask_witnesses")
def ask_witnesses() -> None:
    """Every few seconds: the co-signatures that are due. Nothing waits for it."""
    asked = cosigning.run()
    if asked.cosigned or asked.failed:
        log.info("audit.witnesses.asked", count=asked.cosigned, rows=asked.cosigned + asked.failed)


@shared_task(name="audit.tasks.sweep_details")
def sweep_details() -> None:
    """Every hour: what is sealed under a key that is gone goes too."""
    if removed := personal.sweep():
        log.info("audit.details.swept", rows=removed)
