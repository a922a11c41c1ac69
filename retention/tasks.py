"""Celery's side of retention."""

from __future__ import annotations

from celery import shared_task

from retention import expiry


@shared_task(name="retention.tasks.expire_payloads")
def expire_payloads() -> None:
    """Every minute. What one run does not finish, the next one does: the rows say what is due."""
    expiry.expire_payloads()
