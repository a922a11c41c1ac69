"""Time, for what cannot be undone: two clocks have to agree that it is over."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.utils import timezone


def earlier_now() -> datetime:
    """The earlier of what this machine's clock and the database's say: one that jumped ahead destroys nothing before its time."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        theirs: datetime = cursor.fetchone()[0]
    return min(timezone.now(), theirs)
