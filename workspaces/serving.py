"""The words and the bounds of a workspace's serving policy."""

from __future__ import annotations

from enum import StrEnum


class Preset(StrEnum):
    """How stateless work is batched: how long for, and how much at once."""

    LOW_LATENCY = "low-latency"
    BALANCED = "balanced"
    HIGH_THROUGHPUT = "high-throughput"


class CacheScope(StrEnum):
    """Who may meet a prompt's cached keys and values again. `public` is the operator's, for prefixes of their own."""

    WORKSPACE = "workspace"
    KEY = "key"
    REQUEST = "request"
    """Nobody: nothing is reused."""


class Lane(StrEnum):
    """How urgent a request is."""

    REALTIME = "realtime"
    STANDARD = "standard"
    BATCH = "batch"


CONCURRENCY, MOST_CONCURRENCY = 32, 10_000
REALTIME_RESERVE_PERCENT, MOST_REALTIME_RESERVE_PERCENT = 10, 90
REQUESTS_PER_MINUTE, MOST_REQUESTS_PER_MINUTE = 600, 1_000_000
TOKENS_PER_MINUTE, MOST_TOKENS_PER_MINUTE = 600_000, 1_000_000_000
MOST_QUEUED_TOKENS = 100_000_000
WEIGHT_PERCENT, MOST_WEIGHT_PERCENT = 100, 1000
"""What a new workspace has, and the most that can be set."""
