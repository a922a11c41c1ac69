"""The processes of a running cell that may be killed: its supervisor puts another in the place of each."""

from __future__ import annotations

import json
import time

from tests.e2e.conftest import RunningCell

BACK_WITHIN_S = 15.0


def pid_of(cell: RunningCell, name: str) -> int:
    """The process as of now: the supervisor keeps cell.json up to date."""
    return int(json.loads((cell.home / "cell.json").read_text())["processes"][name])


def wait_until_replaced(cell: RunningCell, name: str, killed: int) -> None:
    deadline = time.monotonic() + BACK_WITHIN_S
    while pid_of(cell, name) == killed:
        assert time.monotonic() < deadline, f"{name} is not back after {BACK_WITHIN_S} s"
        time.sleep(0.1)
