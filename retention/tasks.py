"""Celery's side of retention."""

from __future__ import annotations

from celery import shared_task

from retention import expiry, key_entries


@shared_task(name="retention.tasks.expire_payloads")
def expire_payloads() -> None:
    """Every minute. What one run does not finish, the next one does: the rows say what is due."""
    expiry.expire_payloads()


@shared_task(name="retention.tasks.record_key_operations")
def record_key_operations() -> None:
    """Every few seconds: puts on the record what was done to keys since."""
    key_entries.record_key_operations()
