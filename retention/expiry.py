"""Expiry: what is over its time goes, class by class, and with the last payloads of a day the key of that day.

Killed anywhere it has lost nothing: what went and the entry that says so are one transaction, and what did not go is due still.
There is an entry for each batch, because a count over many of them would be lost with the worker.
"""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction

from cell.keystore import custody
from cell.telemetry import get_logger
from retention.classes import DataClass, registered
from retention.clock import surely_now
from retention.holds import lock_holds
from retention.models import PAYLOAD_DAYS, SHORTEST_DAYS

BUDGET_S = 45.0
"""What is left after this is done by the next run."""

logger = get_logger(__name__)


def expire(budget_s: float = BUDGET_S) -> int:
    """Lets go of everything older than its workspace's policy says now. Returns how many items went.

    Each class has an equal share of the time that is left, so that none waits for another's backlog. One that fails does not
    stop the others; raises ExceptionGroup when all had their turn.
    """
    deadline = time.monotonic() + budget_s
    classes = registered()
    removed = 0
    failures: list[Exception] = []
    for turn, data_class in enumerate(classes):
        now = time.monotonic()
        try:
            removed += _expire_class(data_class, now + (deadline - now) / (len(classes) - turn))
        except Exception as error:  # noqa: BLE001  # every class gets its turn, then all of them are raised
            logger.error("expiry.failed", data_class=data_class.name, error=type(error).__name__)
            failures.append(error)
    expire_epochs()
    if failures:
        raise ExceptionGroup("some classes of data did not expire", failures)
    return removed


def _expire_class(data_class: DataClass, deadline: float) -> int:
    removed = 0
    for workspace in data_class.due():
        while time.monotonic() < deadline and (went := data_class.expire(workspace, data_class.batch)):
            removed += went
    if removed:
        logger.info("expiry.done", data_class=data_class.name, items=removed)
    return removed


def expire_epochs() -> int:
    """Destroys the epoch keys of days on which every payload's time is over. Returns how many."""
    destroyed = 0
    today = surely_now().date()
    for workspace, oldest in custody.epochs_before(today - timedelta(days=SHORTEST_DAYS)):
        # One day of margin: a payload may be stored a moment after midnight under a key of the day before.
        before = today - timedelta(days=_days_of(workspace) + 1)
        if oldest < before:
            with transaction.atomic():
                lock_holds(workspace)
                if not _has_holds(workspace):
                    destroyed += custody.destroy_epochs(workspace, before)
    return destroyed


def _has_holds(workspace: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select retention_has_holds(%s)", [workspace])
        row = cursor.fetchone()
    return row is None or bool(row[0])


def _days_of(workspace: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select payload_days from retention_policy_of(%s)", [workspace])
        row = cursor.fetchone()
    return PAYLOAD_DAYS if row is None else int(row[0])
