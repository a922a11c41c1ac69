"""Run inside a mount namespace with a small file system at argv[1]: fills it under a running cell, and frees it again.

Prints what the cell answered as JSON. ``python -m tests.bailiwick.embedded.full_disk FOLDER``
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path

from tests.bailiwick.embedded.cells import Cell, bailiwick

MOST_CALLS = 2000


def main(folder: Path) -> None:
    home = folder / "home"
    up = bailiwick("up", "--detach", "--home", home, "--port", "0")
    if up.returncode != 0:
        sys.exit(up.stderr)
    cell = Cell(home)
    try:
        before = cell.chat().status_code
        fillers = [folder / "large", folder / "small"]
        for filler, size in zip(fillers, (1 << 20, 1 << 12), strict=True):
            _fill(filler, size)
        for _ in range(MOST_CALLS):  # until what PostgreSQL had allocated beforehand is used up
            refused = cell.chat()
            if refused.status_code != 200:
                break
        supervisor = cell.pids["supervisor"]
        for filler in fillers:
            filler.unlink()
        began = time.monotonic()
        while (after := cell.chat().status_code) != 200 and time.monotonic() - began < 60:
            time.sleep(0.2)
        report = {
            "before": before,
            "refused": refused.status_code,
            "code": refused.json().get("error", {}).get("code"),
            "retry_after": refused.headers.get("retry-after"),
            "after": after,
            "recovered_s": time.monotonic() - began,
            "same_supervisor": supervisor == cell.pids["supervisor"],
        }
        sys.stdout.write(json.dumps(report))
    finally:
        bailiwick("down", "--home", home)


def _fill(path: Path, size: int) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(b"\0" * size):
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]))
