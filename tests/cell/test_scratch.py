from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cell.config import config
from cell.scratch import LOCK, scratch, sweep, sweep_folder
from cell.tasks import sweep_scratch

OWNER = """
import sys, time
from cell.scratch import scratch
with scratch("export") as folder:
    (folder / "files").write_text("CANARY")
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def owner() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that works in a folder of its own."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", OWNER], env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_a_folder_goes_with_its_work_and_with_its_failure() -> None:
    with scratch("export") as folder:
        assert folder.stat().st_mode & 0o077 == 0
        assert folder.parent == config().home / "scratch"
    with pytest.raises(ValueError, match="it failed"), scratch("export") as failed:
        raise ValueError("it failed")
    assert (folder.exists(), failed.exists()) == (False, False)


def test_what_a_live_process_has_stays_and_what_a_killed_one_had_goes(owner) -> None:
    process, folder = owner
    sweep()
    assert (folder / "files").read_text() == "CANARY"
    os.kill(process.pid, signal.SIGSTOP)
    sweep()
    assert folder.exists(), "one that only sleeps wakes up again"

    process.send_signal(signal.SIGKILL)
    process.wait()
    sweep_scratch()

    assert not folder.exists()


def test_a_sweep_beside_work_of_its_own_process_leaves_it() -> None:
    with scratch("export") as folder:
        sweep()
        assert (folder / LOCK).exists()


def test_folders_that_come_and_go_are_never_swept_from_under_their_owners() -> None:
    over = threading.Event()

    def sweeping() -> None:
        while not over.is_set():
            sweep()

    with ExitStack() as stack:
        sweeper = threading.Thread(target=sweeping)
        sweeper.start()
        stack.callback(sweeper.join)
        stack.callback(over.set)
        for _ in range(500):
            with scratch("export") as folder:
                (folder / "files").write_text("x")


def test_what_nobody_ever_owned_goes_after_a_day(tmp_path) -> None:
    old, fresh, other = tmp_path / "export-old", tmp_path / "export-fresh", tmp_path / "models"
    for folder in (old, fresh, other):
        folder.mkdir()
        (folder / "entries").write_text("x")
    yesterday = time.time() - 90_000
    for folder in (old, other):
        os.utime(folder, (yesterday, yesterday))
    (tmp_path / "export-link").symlink_to(other)

    assert sweep_folder(tmp_path, "export-*") == 1

    assert {path.name for path in tmp_path.iterdir()} == {"export-fresh", "models", "export-link"}
