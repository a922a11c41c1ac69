"""Bailiwick's gateway beside LiteLLM's proxy and a bare ASGI proxy, under the same load in one run.

The engine is an echo of fixed cost (`bench.peers.echo`): frames for Bailiwick and the bare proxy, OpenAI's HTTP for LiteLLM.
Cost is the CPU time of whole process trees: LiteLLM's workers; Bailiwick's web process **and** its PostgreSQL. Bailiwick
runs as in production, with key, limits, metrics and both audit entries durable; LiteLLM without a database or callbacks.
Gateways have one core, everything else another; points are interleaved, and the median of `ROUNDS` is reported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from bench.peers import litellm
from bench.peers.clusters import running_cluster
from bench.peers.echo import MODEL, TEXT
from bench.peers.load import Orders, Tally
from bench.peers.processes import drive, environ, free_port, resident_bytes, start, stop, wait_for_port
from bench.report import Measure, Options, at_most, less_is_better, more_is_better

ROUNDS = 3
SYNCS = 200
WARM_UP_S = 1.0
MEMORY_MB = 150
PERSONAL = (
    "Please write to Anna Schmidt (anna.schmidt@example.com, +49 30 901820) that the transfer to DE89 3704 0044 0532 0130 00 "
    "went out this morning. "
)
"""An e-mail address, a telephone number and an IBAN; with `TEXT` behind it a prompt of about 2 KB, whose answer repeats them."""
LONG = PERSONAL + TEXT * 6

_ALL = os.sched_getaffinity(0)


def _body(text: str, *, stream: bool = False) -> str:
    request = {"model": MODEL, "stream": stream, "messages": [{"role": "user", "content": text}]}
    return json.dumps(request, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Point:
    """A load that competitors are put under."""

    body: str
    connections: int


ALONE, SOME, MANY = Point(_body(TEXT), 1), Point(_body(TEXT), 16), Point(_body(TEXT), 64)
LONG_PROMPTS = Point(_body(LONG), 64)
STREAMS = Point(_body(TEXT, stream=True), 64)
LONG_STREAMS = Point(_body(LONG, stream=True), 64)


@dataclass(frozen=True, slots=True)
class Competitor:
    name: str
    port: int
    token: str
    measured: tuple[int, ...]
    """Process ids whose trees are what it costs."""
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """Medians over the rounds."""

    p50_ms: float
    p99_ms: float
    per_second: float
    requests_per_cpu_second: float
    chunks_per_cpu_second: float


def run(options: Options) -> Iterator[Measure]:
    with ExitStack() as stack:
        competitors = stack.enter_context(_rig(options))
        seen = _measure(competitors, options)
        memory = resident_bytes(competitors["bailiwick"].measured[:1]) / 1e6
    yield from _figures(seen, memory)
    yield Measure("gateway/fdatasync_p50", _fdatasync_p50_ms(), "ms", samples=SYNCS)


def _fdatasync_p50_ms() -> float:
    """What the disk takes to make 8 KB durable: the part of an added p50 that no program can take away."""
    with tempfile.TemporaryFile() as file:
        file.write(bytes(1 << 20))
        times = []
        for number in range(SYNCS):
            os.pwrite(file.fileno(), os.urandom(8192), number % 128 * 8192)
            began = perf_counter()
            os.fdatasync(file.fileno())
            times.append(perf_counter() - began)
    return median(times) * 1000


def _figures(seen: dict[tuple[str, Point], Seen], memory_mb: float) -> Iterator[Measure]:
    plain, lite, bare, redacting = "bailiwick without redaction", "litellm", "bare", "bailiwick"
    for point, name, target in ((ALONE, "c1", None), (SOME, "c16", None), (MANY, "c64", 60)):
        ours, theirs, least = (seen[who, point].requests_per_cpu_second for who in (plain, lite, bare))
        figure = "gateway/requests_per_cpu_second" + ("" if target else f"/{name}")
        yield more_is_better(figure, ours, "1/s", lite, theirs, at_least=target, samples=ROUNDS)
        yield more_is_better(f"{figure}/bare", ours, "1/s", "bare ASGI", least, samples=ROUNDS)
    ours, theirs = (seen[who, LONG_PROMPTS].requests_per_cpu_second for who in (redacting, lite))
    yield more_is_better(
        "gateway/requests_per_cpu_second/redacting", ours, "1/s", lite, theirs, at_least=40, samples=ROUNDS
    )
    ours, theirs = (seen[who, STREAMS].chunks_per_cpu_second for who in (plain, lite))
    yield more_is_better("gateway/chunks_per_cpu_second", ours, "1/s", lite, theirs, at_least=25, samples=ROUNDS)
    ours, theirs = (seen[who, LONG_STREAMS].chunks_per_cpu_second for who in (redacting, lite))
    yield more_is_better(
        "gateway/chunks_per_cpu_second/restoring", ours, "1/s", lite, theirs, at_least=10, samples=ROUNDS
    )
    direct = seen["direct", ALONE].p50_ms
    ours, theirs = (seen[who, ALONE].p50_ms - direct for who in (plain, lite))
    yield at_most("gateway/added_p50/c1", ours, "ms", 1.0, samples=ROUNDS)
    yield less_is_better("gateway/added_p50/c1/litellm", ours, "ms", lite, theirs, at_least=10, samples=ROUNDS)
    yield more_is_better(
        "gateway/requests_per_second/c64", seen[plain, MANY].per_second, "1/s", lite, seen[lite, MANY].per_second
    )
    yield at_most("gateway/web_memory", memory_mb, "MB", MEMORY_MB)


def _measure(competitors: dict[str, Competitor], options: Options) -> dict[tuple[str, Point], Seen]:
    rounds: dict[tuple[str, Point], list[tuple[Tally, float]]] = {}
    cpus = _cores()[1]
    for competitor in competitors.values():
        options.say(f"warming up: {competitor.name}")
        drive(Orders(competitor.port, ALONE.body, 16, 2, 1, token=competitor.token), (), cpus)
    for number in range(ROUNDS):
        for competitor in competitors.values():
            for point in competitor.points:
                options.say(f"round {number + 1} of {ROUNDS}: {competitor.name}, {point.connections} connections")
                seconds = max(1.0, options.seconds / ROUNDS)
                orders = Orders(
                    competitor.port, point.body, point.connections, seconds, WARM_UP_S, token=competitor.token
                )
                tally, spent = drive(orders, competitor.measured, cpus)
                if tally.errors * 1000 > tally.requests:
                    raise RuntimeError(f"{competitor.name}: {tally.errors} failed beside {tally.requests} answers")
                rounds.setdefault((competitor.name, point), []).append((tally, spent))
    return {key: _medians(results) for key, results in rounds.items()}


def _medians(results: list[tuple[Tally, float]]) -> Seen:
    return Seen(
        p50_ms=median(tally.p50_s for tally, _ in results) * 1000,
        p99_ms=median(tally.p99_s for tally, _ in results) * 1000,
        per_second=median(tally.requests / tally.seconds for tally, _ in results),
        requests_per_cpu_second=median(tally.requests / max(spent, 0.01) for tally, spent in results),
        chunks_per_cpu_second=median(tally.chunks / max(spent, 0.01) for tally, spent in results),
    )


@contextmanager
def _rig(options: Options) -> Iterator[dict[str, Competitor]]:
    """Everything started: PostgreSQL, the echo, and one server for each competitor."""
    options.say(f"LiteLLM {litellm.VERSION} goes into an environment of its own the first time")
    command = litellm.install()
    gateways, others = _cores()
    before = os.sched_getaffinity(0)
    with ExitStack() as stack:
        os.sched_setaffinity(0, others)
        stack.callback(os.sched_setaffinity, 0, before)
        cluster = stack.enter_context(running_cluster())
        folder = cluster.folder
        env = environ(**cluster.environ())
        key = subprocess.run(
            [sys.executable, "-m", "bench.peers.tenant"], env=env, check=True, capture_output=True, text=True
        ).stdout
        socket, upstream = env["BAILIWICK_ENGINE_SOCKET"], free_port()

        def serve(arguments: list[str], port: int, env: dict[str, str], cpus: set[int] = gateways) -> int:
            log = folder / f"{port}.log"
            process = start(arguments, log, env, cpus)
            stack.callback(stop, process)
            wait_for_port(port, process, log)
            return process.pid

        def bailiwick(module: str) -> tuple[int, int]:
            port = free_port()
            listen = {"BAILIWICK_LISTEN": f"127.0.0.1:{port}", "BAILIWICK_INTERNAL_LISTEN": f"127.0.0.1:{free_port()}"}
            return port, serve([sys.executable, "-m", module], port, env | listen)

        echo = serve([sys.executable, "-m", "bench.peers.echo", socket, str(upstream)], upstream, env, others)
        database = cluster.processes[0].pid
        redacting_port, redacting = bailiwick("bailiwick.server")
        plain_port, plain = bailiwick("bench.peers.gateway")
        bare_port, lite_port = free_port(), free_port()
        uvicorn = [sys.executable, "-m", "uvicorn", "bench.peers.bare:application", "--port", str(bare_port)]
        bare = serve(
            [*uvicorn, "--no-access-log", "--log-level", "error"], bare_port, env | {"BENCH_ENGINE_SOCKET": socket}
        )
        config = litellm.configuration(folder, upstream, MODEL)
        proxy = [
            str(command),
            "--config",
            str(config),
            "--host",
            "127.0.0.1",
            "--port",
            str(lite_port),
            "--num_workers",
            "1",
        ]
        lite = serve(proxy, lite_port, litellm.environ(dict(os.environ)))
        small = (ALONE, SOME, MANY, STREAMS)
        made = [
            Competitor("direct", upstream, "", (echo,), (ALONE,)),
            Competitor("litellm", lite_port, litellm.KEY, (lite,), (*small, LONG_PROMPTS, LONG_STREAMS)),
            Competitor("bare", bare_port, "", (bare,), (ALONE, SOME, MANY)),
            Competitor("bailiwick without redaction", plain_port, key, (plain, database), small),
            Competitor("bailiwick", redacting_port, key, (redacting, database), (MANY, LONG_PROMPTS, LONG_STREAMS)),
        ]
        yield {competitor.name: competitor for competitor in made}


def _cores() -> tuple[set[int], set[int]]:
    """One core for gateways and another for all the rest, where there are two."""
    cores = sorted(_ALL)
    return ({cores[0]}, {cores[1]}) if len(cores) > 1 else (set(cores), set(cores))
