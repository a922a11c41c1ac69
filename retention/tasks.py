"""Celery's side of retention."""

from __future__ import annotations

from celery import shared_task

from retention import ageing, expiry, key_entries


@shared_task(name="retention.tasks.expire")
def expire() -> None:
    """Every minute, for every class of data. What one run does not finish, the next one does: the rows say what is due."""
    expiry.expire()


@shared_task(name="retention.tasks.record_key_operations")
def record_key_operations() -> None:
    """Every few seconds: puts on the record what was done to keys since."""
    key_entries.record_key_operations()


@shared_task(name="retention.tasks.destroy_late_keys")
def destroy_late_keys() -> None:
    """Every minute: keys of requests that still ran when their subject was erased."""
    ageing.destroy_late_keys()


@shared_task(name="retention.tasks.age_erasures")
def age_erasures() -> None:
    """Every few minutes: second certificates, for erasures whose last backup has aged out."""
    ageing.age_erasures()


@shared_task(name="retention.tasks.watch_erasures")
def watch_erasures() -> None:
    """Every minute: says which erasures take too long."""
    ageing.watch_erasures()
