"""What the audit log costs a request, and how fast it is sealed, exported and verified.

Bailiwick's web process (redaction left out) answers 64 connections with the log as in production, with every entry committed
on its own, and with no log at all. Two entries a request, both awaited, fsync on; the rest of the process is the same.
Points are interleaved and the median of `ROUNDS` is reported. The web process has one core; PostgreSQL, the echo behind it
and the load generator share another.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

from bailiwick.embedded.cluster import Cluster
from bench.peers.clusters import running_cluster
from bench.peers.echo import MODEL, TEXT
from bench.peers.load import Orders
from bench.peers.processes import drive, environ, free_port, start, stop, wait_for_port
from bench.report import Measure, Options, at_least, at_most, more_is_better

ROUNDS = 3
WARM_UP_S = 1.0
CONNECTIONS = 64
ENTRIES = 100_000
WAYS = ("none", "each", "group")

_BODY = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": TEXT}]}, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Seen:
    """Medians over the rounds of one way to write the log."""

    per_second: float
    per_cpu_second: float
    """CPU of the web process and of PostgreSQL."""


def run(options: Options) -> Iterator[Measure]:
    with ExitStack() as stack:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, set(cores[1:]) or set(cores))
        stack.callback(os.sched_setaffinity, 0, set(cores))
        cluster = stack.enter_context(running_cluster())
        seen = _requests(cluster, set(cores[:1]), options)
        os.sched_setaffinity(0, set(cores))
        log = _log(cluster, options)
    group, each, none = seen["group"], seen["each"], seen["none"]
    name = "audit/requests_per_second/c64"
    yield more_is_better(name, group.per_second, "1/s", "one commit each", each.per_second, at_least=3, samples=ROUNDS)
    yield more_is_better(
        f"{name}/no_audit", group.per_second, "1/s", "no audit", none.per_second, at_least=0.75, samples=ROUNDS
    )
    name = "audit/requests_per_cpu_second/c64"
    yield more_is_better(name, group.per_cpu_second, "1/s", "one commit each", each.per_cpu_second, samples=ROUNDS)
    yield more_is_better(
        f"{name}/no_audit", group.per_cpu_second, "1/s", "no audit", none.per_cpu_second, samples=ROUNDS
    )
    yield at_least("audit/sealed_entries_per_second", log["sealed_per_second"], "1/s", 30_000, samples=ENTRIES)
    yield at_least("audit/exported_mb_per_second", log["exported_mb_per_second"], "MB/s", 50, samples=ENTRIES)
    for name, megabytes in log["formatted_mb_per_second"].items():
        yield Measure(f"audit/formatted_mb_per_second/{name}", megabytes, "MB/s", samples=ENTRIES)
    yield at_least("audit/verified_entries_per_second", log["verified_per_second"], "1/s", 200_000, samples=ENTRIES)
    yield at_most("audit/entry_to_sealed_p99/300_a_second", log["lag_p99_s"], "s", 5, samples=int(log["lags"]))


def _requests(cluster: Cluster, cores: set[int], options: Options) -> dict[str, Seen]:
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    database = cluster.processes[0].pid
    with ExitStack() as stack:
        env = environ(**cluster.environ())
        tenant = [sys.executable, "-m", "bench.peers.tenant"]
        token = subprocess.run(tenant, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
        echo_port, echo_log = free_port(), cluster.folder / "echo.log"
        echo = [sys.executable, "-m", "bench.peers.echo", env["BAILIWICK_ENGINE_SOCKET"], str(echo_port)]
        processes = {"echo": start(echo, echo_log, env)}
        stack.callback(stop, processes["echo"])
        wait_for_port(echo_port, processes["echo"], echo_log)
        ports = {way: free_port() for way in WAYS}
        for way, port in ports.items():
            listen = {"BAILIWICK_LISTEN": f"127.0.0.1:{port}", "BAILIWICK_INTERNAL_LISTEN": f"127.0.0.1:{free_port()}"}
            log = cluster.folder / f"{way}.log"
            command = [sys.executable, "-m", "bench.peers.audited"]
            processes[way] = start(command, log, env | listen | {"BENCH_AUDIT": way}, cores)
            stack.callback(stop, processes[way])
            wait_for_port(port, processes[way], log)
        for number in range(ROUNDS):
            for way, port in ports.items():
                options.say(f"round {number + 1} of {ROUNDS}: {way}, {CONNECTIONS} connections")
                seconds = max(1.0, options.seconds / ROUNDS)
                orders = Orders(port, _BODY, CONNECTIONS, seconds, WARM_UP_S, token=token)
                tally, spent = drive(orders, [processes[way].pid, database])
                if tally.errors or not tally.requests:
                    raise RuntimeError(f"{way}: {tally.errors} of {tally.requests + tally.errors} failed")
                found[way].append((tally.requests / tally.seconds, tally.requests / max(spent, 0.01)))
    return {way: Seen(*(median(column) for column in zip(*results, strict=True))) for way, results in found.items()}


def _log(cluster: Cluster, options: Options) -> dict[str, Any]:
    """What `bench.peers.sealing` finds."""
    seconds = max(5.0, options.seconds)
    options.say(f"sealing, exporting and verifying {ENTRIES} entries; then 300 entries a second for {seconds:g} s")
    done = subprocess.run(
        [sys.executable, "-m", "bench.peers.sealing", str(ENTRIES), str(seconds), str(cluster.folder / "export.tar")],
        env=environ(**cluster.environ()),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures
