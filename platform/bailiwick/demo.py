"""`make demo`: an embedded cell, the tour through it, and what to paste next."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from types import FrameType

from bailiwick.embedded import control
from bailiwick.embedded.cell import Choices
from bailiwick.embedded.errors import CellError
from bailiwick.embedded.home import Home


def run(home: Home, choices: Choices, *, leave: bool) -> int:
    """Until Ctrl-C, or with `leave` until the tour is over; the tour's exit status. Raises CellError."""
    if (pid := control.supervisor_pid(home)) is not None:
        raise CellError(f"A cell is already running in {home.path} (pid {pid}). Take the tour with: bailiwick tour")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    began = time.monotonic()
    print(f"Starting one cell of Bailiwick in {home.path}", flush=True)
    cell = subprocess.Popen(
        [sys.executable, "-m", "bailiwick.cli", "up", "--home", str(home.path), *choices.arguments()],
        start_new_session=True,  # Ctrl-C is ours: the tour ends first, then the cell
    )
    try:
        _wait(cell, home)
        status = subprocess.run([sys.executable, "-m", "bailiwick.cli", "tour", "--home", str(home.path)]).returncode
        if leave:
            return status
        _show(home, time.monotonic() - began, passed=status == 0)
        cell.wait()
        raise CellError(f"The cell ended by itself; see {home.logs}.")
    except KeyboardInterrupt:
        print("\nStopping", flush=True)
        return 0
    finally:
        if cell.poll() is None:
            cell.terminate()
            cell.wait()


def _wait(cell: subprocess.Popen[bytes], home: Home) -> None:
    while not (home.cell_file.exists() and control.supervisor_pid(home) == cell.pid):
        if cell.poll() is not None:
            raise CellError("The cell did not start; what it said is above.")
        time.sleep(0.05)


def _show(home: Home, seconds: float, *, passed: bool) -> None:
    cell = home.cell()
    admin = cell["admin"]
    tour = "the tour is green" if passed else "THE TOUR FAILED, see above"
    print(
        f"""
Ready after {seconds:.0f} s; {tour}.

  Console        {cell["console_url"]}
  Sign in as     organization {admin["organization"]}, {admin["email"]}, password {admin["password"]}
  Authenticator  {admin["totp_secret"]}  (add it to an app, or: oathtool --totp -b {admin["totp_secret"]})
  API key        {cell["api_key"]}

  curl {cell["base_url"]}/v1/chat/completions \\
    -H "Authorization: Bearer {cell["api_key"]}" -H "Content-Type: application/json" \\
    -d '{{"model": "{cell["models"]["chat"]}", "messages": [{{"role": "user", "content": "What is a cell?"}}]}}'

Ctrl-C stops everything that was started.
""",
        flush=True,
    )


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
