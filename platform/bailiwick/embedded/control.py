"""Which supervisor runs in a home: found by its pid and start time, so that a recycled pid is never taken for it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bailiwick.embedded.errors import CellError
from bailiwick.embedded.home import Home, read_json, write_json

DOWN_WITHIN_S = 60.0
UP_WITHIN_S = 300.0


@contextmanager
def sole_supervisor(home: Home) -> Iterator[None]:
    """Makes this process the home's supervisor. Raises CellError if another one runs; what a killed one left is cleared."""
    descriptor = os.open(home.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            # The kernel lets go of it when we die, however we die.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CellError(
                f"A cell is already running in {home.path}. Stop it with: bailiwick down --home {home.path}"
            ) from None
        home.cell_file.unlink(missing_ok=True)
        write_json(home.supervisor_file, {"pid": os.getpid(), "started": _start_time(os.getpid())})
        try:
            yield
        finally:
            home.cell_file.unlink(missing_ok=True)
            home.supervisor_file.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def supervisor_pid(home: Home) -> int | None:
    """The pid of the supervisor that runs in `home`."""
    try:
        record = read_json(home.supervisor_file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    pid = int(record["pid"])
    return pid if _start_time(pid) == record["started"] else None


def up_detached(home: Home, arguments: list[str]) -> None:
    """Starts `bailiwick up` in the background and returns when the cell is ready. Raises CellError with what it said."""
    home.logs.mkdir(parents=True, exist_ok=True)
    output = home.logs / "up.log"
    with output.open("wb") as out:
        output.chmod(0o600)
        command = [sys.executable, "-m", "bailiwick.cli", "up", "--home", str(home.path), *arguments]
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    deadline = time.monotonic() + UP_WITHIN_S
    while not (home.cell_file.exists() and supervisor_pid(home) == child.pid):
        if child.poll() is not None:
            raise CellError(output.read_text(errors="replace").strip() or f"it ended with status {child.returncode}")
        if time.monotonic() > deadline:
            child.terminate()
            raise CellError(f"The cell was not ready after {UP_WITHIN_S:.0f} s; see {home.logs}.")
        time.sleep(0.1)


def down(home: Home) -> bool:
    """Stops the cell in `home`; False if none ran. Raises CellError if it had to be killed."""
    pid = supervisor_pid(home)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_WITHIN_S
    while supervisor_pid(home) == pid and _start_time(pid) is not None:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)  # the kernel then ends its children
            raise CellError(f"The cell did not stop within {DOWN_WITHIN_S:.0f} s and was killed; see {home.logs}.")
        time.sleep(0.05)
    return True


def _start_time(pid: int) -> int | None:
    """Clock ticks since boot at which `pid` started (proc(5), field 22); None if there is no such process."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = status.rpartition(")")[2].split()  # the name before it may hold spaces and parentheses
    return None if state == "Z" else int(fields[18])
