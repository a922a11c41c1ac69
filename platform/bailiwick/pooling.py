"""Database connections of a web process: a few, shared, and given back when a request ends.

Django answers each request in a thread of its own. A connection that it keeps in one (`CONN_MAX_AGE`) is found by nobody again, and
stays open until the thread's remains are collected, which this process does rarely: requests that follow fast on each other
would use up what PostgreSQL has.
"""

from __future__ import annotations

from django.db import connections

MOST = 16
"""Of each role. A request that finds all of them taken waits."""
WAIT_S = 10.0


def share_connections() -> None:
    """Once, before the process opens its first."""
    for alias in connections:
        settings = connections.settings[alias]
        settings["CONN_MAX_AGE"] = 0
        settings["OPTIONS"] = {
            **settings["OPTIONS"],
            "pool": {"min_size": 0, "max_size": MOST, "timeout": WAIT_S, "max_idle": 60.0},
        }
