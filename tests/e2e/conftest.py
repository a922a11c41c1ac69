"""One whole embedded cell for the tests of this folder, started as a user would start it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.collector import Collector, collecting

ROOT = Path(__file__).resolve().parents[2]
BAILIWICK = [sys.executable, "-m", "bailiwick.cli"]


@dataclass(frozen=True)
class RunningCell:
    home: Path
    info: dict[str, Any]
    collector: Collector
    """Where its spans go."""

    @property
    def base_url(self) -> str:
        return self.info["base_url"]

    @property
    def api_key(self) -> str:
        return self.info["api_key"]

    @property
    def admin_key(self) -> str:
        return self.info["admin_key"]


def clean_environ() -> dict[str, str]:
    """Without the configuration of the tests' own cluster: the cell makes its own."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("BAILIWICK_", "DJANGO_"))}
    return {**environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def cell() -> Iterator[RunningCell]:
    home = Path(tempfile.mkdtemp(prefix="bw-cell-"))
    with collecting() as collector:
        up = [*BAILIWICK, "up", "--detach", "--home", str(home), "--port", str(free_port())]
        spans = {"BAILIWICK_OTLP_ENDPOINT": collector.endpoint, "BAILIWICK_OTLP_REGION": "eu-de-1"}
        environ = {**clean_environ(), **spans}
        started = subprocess.run(up, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        assert started.returncode == 0, started.stdout + started.stderr
        try:
            yield RunningCell(home, json.loads((home / "cell.json").read_text()), collector)
        finally:
            down = subprocess.run(
                [*BAILIWICK, "down", "--home", str(home)],
                env=clean_environ(),
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert down.returncode == 0, down.stdout + down.stderr
            shutil.rmtree(home)
