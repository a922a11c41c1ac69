"""Starting the processes of a benchmark, and what they cost: CPU seconds and memory of whole process trees, from /proc."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from time import monotonic, sleep

from bench.peers.load import Orders, Tally

ROOT = Path(__file__).resolve().parents[2]
COMPILED = ROOT / ".cache" / "bench-compiled"
"""Where our own compiled models keep their code."""
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def environ(**more: str) -> dict[str, str]:
    """The environment of a child that imports this repository."""
    return {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", **more}


def start(
    command: Sequence[str], log: Path, env: Mapping[str, str] | None = None, cpus: Iterable[int] = ()
) -> subprocess.Popen[bytes]:
    """A process of the benchmark on `cpus` (all when empty), its output in `log`."""
    chosen = set(cpus)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            env=dict(env or environ()),
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=(lambda: os.sched_setaffinity(0, chosen)) if chosen else None,
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and its children."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path, within_s: float = 120) -> None:
    deadline = monotonic() + within_s
    while monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"a process of the benchmark ended while starting:\n{log.read_text()[-3000:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.05)
    raise RuntimeError(f"nothing listened on port {port} within {within_s:.0f} s:\n{log.read_text()[-3000:]}")


def tree(pid: int) -> list[int]:
    """`pid` and everything below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) is not None:
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for known in found:
        found += parents.get(known, [])
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes' trees so far, children that ended included."""
    ticks = 0
    for root in pids:
        for pid in tree(root):
            if (fields := _stat(pid)) is not None:
                ticks += sum(int(value) for value in fields[11:15])
    return ticks / _TICKS


def resident_bytes(pids: Iterable[int]) -> int:
    pages = 0
    for root in pids:
        for pid in tree(root):
            if (fields := _stat(pid)) is not None:
                pages += int(fields[21])
    return pages * _PAGE


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on; None if the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def drive(orders: Orders, measured: Sequence[int], cpus: Iterable[int] = ()) -> tuple[Tally, float]:
    """Runs the load generator; returns what it saw and the CPU seconds that the trees of `measured` spent meanwhile."""
    chosen = set(cpus)
    with subprocess.Popen(
        [sys.executable, "-m", "bench.peers.load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environ(),
        cwd=ROOT,
        preexec_fn=(lambda: os.sched_setaffinity(0, chosen)) if chosen else None,
    ) as client:
        if client.stdin is None or client.stdout is None:
            raise RuntimeError("the load generator has no pipes")
        client.stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
        client.stdin.flush()
        if client.stdout.readline().strip() != b"start":
            raise RuntimeError("the load generator did not start; is the server up?")
        before = cpu_seconds(measured)
        answer = client.stdout.readline()
        spent = cpu_seconds(measured) - before
    return Tally(**json.loads(answer)), spent
