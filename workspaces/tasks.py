"""Celery's side of the web sessions."""

from __future__ import annotations

from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore


@shared_task(name="workspaces.tasks.clear_sessions")
def clear_sessions() -> None:
    """Every day: deletes the sessions that expired and were never ended by signing out."""
    SessionStore.clear_expired()
