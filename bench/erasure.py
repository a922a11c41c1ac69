"""How long an erasure takes, from the wish to the certificate: of a request, of a subject with 10,000, of a workspace with 100,000;
and how long a restore takes to carry out 10,000 of them again.

PostgreSQL, Redis, the Celery worker (two processes) and beat are those of a cell; no engine runs. Requests are erased one after
another by a single caller: what is measured is how long one person waits.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

from bench.peers.clusters import running_cluster
from bench.peers.processes import environ, start, stop
from bench.report import Measure, Options, at_most

SINGLE = 200
OF_SUBJECT = 10_000
OF_WORKSPACE = 100_000
TOMBSTONES = 10_000
_WORKER = ["worker", "--pool", "prefork", "-c", "2", "--without-gossip", "--without-mingle", "--without-heartbeat"]


def run(options: Options) -> Iterator[Measure]:
    with ExitStack() as stack:
        cluster = stack.enter_context(running_cluster())
        folder = cluster.folder
        env = environ(**cluster.environ(), OMP_NUM_THREADS="1")
        beat = ["beat", "--pidfile=", "-s", str(folder / "beat-schedule")]
        for role in (_WORKER, beat):
            command = [
                sys.executable,
                "-m",
                "celery",
                "--quiet",
                "-A",
                "bailiwick.celery",
                *role,
                "--loglevel",
                "WARNING",
            ]
            stack.callback(stop, start(command, folder / f"{role[0]}.log", env))
        options.say(f"{SINGLE} requests, a subject of {OF_SUBJECT}, a workspace of {OF_WORKSPACE}")
        counts = [str(count) for count in (SINGLE, OF_SUBJECT, OF_WORKSPACE)]
        command = [sys.executable, "-m", "bench.peers.erasing", *counts]
        done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    replayed = _replayed(options)
    singles = len(found["certified_s"])
    yield Measure("erasure/request/median", _at(found["certified_s"], 0.5), "s", samples=singles)
    yield at_most("erasure/request/p99", _at(found["certified_s"], 0.99), "s", 5, samples=singles)
    yield at_most("erasure/request/fenced/p99", _at(found["fenced_s"], 0.99), "s", 1, samples=singles)
    yield Measure(f"erasure/subject/{OF_SUBJECT}_requests", found["subject_s"], "s")
    yield at_most(f"erasure/workspace/{OF_WORKSPACE}_requests", found["workspace_s"], "s", 60)
    yield at_most(f"erasure/replay/{TOMBSTONES}_tombstones", replayed, "s", 60)


def _replayed(options: Options) -> float:
    """Seconds that a replay takes in a cell of its own, whose databases have everything again."""
    with running_cluster() as cluster:
        options.say(f"a ledger with {TOMBSTONES} tombstones")
        command = [sys.executable, "-m", "bench.peers.replaying", str(TOMBSTONES)]
        env = environ(**cluster.owner_environ(), OMP_NUM_THREADS="1")
        done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    if found["tombstones"] != TOMBSTONES:
        raise RuntimeError(f"of {TOMBSTONES} tombstones {found['tombstones']} were replayed")
    return float(found["seconds"])


def _at(seconds: list[float], share: float) -> float:
    return seconds[min(len(seconds) - 1, int(len(seconds) * share))]
