"""Jobs of the inference API."""

from __future__ import annotations

import asyncio

from celery import shared_task

from inference.gateway import usage
from inference.gateway.lost import close_all


@shared_task(name="inference.gateway.tasks.close_lost_requests")
def close_lost_requests() -> int:
    """Gives every request of a dead web process its outcome, `unknown`; returns how many there were."""
    return asyncio.run(close_all())


@shared_task(name="inference.gateway.tasks.count_usage")
def count_usage() -> None:
    """Every minute. What one run does not finish, the next one does: a row says which days are open."""
    usage.count_usage()
