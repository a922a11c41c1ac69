"""Celery's side of the web sessions and of the notices to workspaces."""

from __future__ import annotations

from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore

from workspaces import services


@shared_task(name="workspaces.tasks.clear_sessions")
def clear_sessions() -> None:
    """Every day: deletes the sessions that expired and were never ended by signing out."""
    SessionStore.clear_expired()


@shared_task(name="workspaces.tasks.announce_subprocessors")
def announce_subprocessors() -> None:
    """Every minute: writes what workspaces have not been told yet. What one run does not finish, the next one does."""
    services.subprocessors_announce()
