from __future__ import annotations

import time
from collections.abc import Callable

import pytest


@pytest.fixture
def benchmark_clock() -> Callable[[], float]:
    """Seconds that this process has computed: what others do on the machine counts for nothing."""
    return time.process_time
