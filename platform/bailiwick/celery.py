"""Celery: wakes the jobs up. The truth about a job is its row in PostgreSQL; a message carries ids and nothing else.

The settings are the ones under which killed workers lost nothing in our measurements (docs/decisions): acknowledge late,
reject what a lost child held, take one message at a time, and give stranded messages back within seconds. Kombu's restore
options are undocumented, which is why celery and kombu are pinned.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import beat_init, celeryd_init, setup_logging, worker_process_init, worker_ready

from cell.config import config

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bailiwick.settings")
# Django's checks import every URL and view, which a worker never serves.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

TASK_TIME_LIMIT_S = 90
VISIBILITY_TIMEOUT_S = 120
"""Longer than any task may run, so that a message is never given to a second worker while the first still has it."""

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "audit-seal": {"task": "audit.tasks.seal", "schedule": 1.0},
    "audit-watch": {"task": "audit.tasks.watch", "schedule": 60.0},
    "audit-witnesses": {"task": "audit.tasks.ask_witnesses", "schedule": 20.0},
    "audit-details-sweep": {"task": "audit.tasks.sweep_details", "schedule": 3600.0},
    "jobs-sweep": {"task": "cell.jobs.sweep", "schedule": 5.0},
    "key-operations": {"task": "retention.tasks.record_key_operations", "schedule": 5.0},
    "objects-sweep": {"task": "cell.objects.sweep", "schedule": 3600.0},
    "scratch-sweep": {"task": "cell.scratch.sweep", "schedule": 60.0},
    "keys-rewrite": {"task": "cell.keystore.rewrite", "schedule": 3600.0},
    "data-expire": {"task": "retention.tasks.expire", "schedule": 60.0},
    "erasures-late-keys": {"task": "retention.tasks.destroy_late_keys", "schedule": 60.0},
    "erasures-age": {"task": "retention.tasks.age_erasures", "schedule": 300.0},
    "erasures-watched": {"task": "retention.tasks.watch_erasures", "schedule": 60.0},
    "requests-close-lost": {"task": "inference.gateway.tasks.close_lost_requests", "schedule": 10.0},
    "rollouts-watch": {"task": "bailiwick.rollouts.watch", "schedule": 1.0},
    "usage-count": {"task": "inference.gateway.tasks.count_usage", "schedule": 60.0},
    "subprocessors-announce": {"task": "workspaces.tasks.announce_subprocessors", "schedule": 60.0},
    "sessions-clear": {"task": "workspaces.tasks.clear_sessions", "schedule": 86_400.0},
}
for _entry in BEAT_SCHEDULE.values():
    # A wake-up that nobody took before the next one is due is of no use to anyone.
    _entry["options"] = {"expires": max(5.0, _entry["schedule"])}

app = Celery("bailiwick")
app.conf.update(
    broker_url=config().redis_url,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_TIMEOUT_S,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
    },
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_time_limit=TASK_TIME_LIMIT_S,
    task_soft_time_limit=TASK_TIME_LIMIT_S - 15,
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    timezone="UTC",
    enable_utc=True,
    beat_schedule=BEAT_SCHEDULE,
    worker_send_task_events=False,
    worker_enable_remote_control=False,
)
app.autodiscover_tasks()
app.autodiscover_tasks(["bailiwick"], related_name="rollouts")

READY_FILE_VARIABLE = "BAILIWICK_READY_FILE"
_PR_SET_PDEATHSIG = 1


@setup_logging.connect
def _keep_our_logging(**_: object) -> None:
    """Celery's own set-up would print task arguments; Django's settings have configured logging already."""


@celeryd_init.connect
def _check_region(**_: object) -> None:
    """A worker in the wrong region, or beside a database that was put back and knows too little, does not take a single job."""
    import django

    from cell.guard import RegionMismatch, check_region

    django.setup()
    from cell import scratch
    from retention.backups import admission
    from retention.backups.errors import NotReplayed
    from retention.ledger import LedgerBroken

    try:
        check_region(config())
        admission.look()
    except (RegionMismatch, NotReplayed, LedgerBroken, OSError) as error:
        sys.exit(str(error))
    scratch.sweep()


@worker_ready.connect
@beat_init.connect
def _say_ready(**_: object) -> None:
    """For a supervisor that named a file to make."""
    if path := os.environ.get(READY_FILE_VARIABLE):
        Path(path).touch()


@worker_process_init.connect
def _die_with_the_worker(**_: object) -> None:
    """A pool child whose parent was killed would work on unsupervised, and hold its lease."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
