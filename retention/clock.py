"""Whose clock counts. Machines of a cell have several, and any may jump; the database's is the one that all of them share."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.utils import timezone


def shared_now() -> datetime:
    """What the database's clock says: when something was asked for, fenced or erased."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def surely_now() -> datetime:
    """The earlier of what this machine's clock and the database's say: one that jumped ahead ends no time before it is over."""
    return min(timezone.now(), shared_now())
