"""Decoding through the whole engine beside transformers, and what a step and a first token cost.

Llama checkpoints with random weights, greedy, fresh prompts of 128 tokens and up to 128 new ones, cut at `--seconds`. Tokens a
second are counted from when every answer of a batch has begun to when the first ends. Ours and theirs take turns, `REPEATS`
times, each in a process of its own with all cores and the same torch; the medians are compared. The best of transformers is the
best of its ways at that batch, eager and compiled with a static cache, float32 and bfloat16. A way that in the best of its
warm-ups is under half as fast as the best is not repeated: where `samples` is 1, the figure is that warm-up's. llama.cpp,
OpenVINO and ONNX Runtime, which take long to build or to convert for, are not measured here.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, process_time, sleep

from bench.peers import llama
from bench.peers.orders import Decoded, Order
from bench.peers.processes import environ, start, stop
from bench.peers.rival import Rival
from bench.report import Measure, NothingMeasured, Options, at_most, more_is_better
from inference.engine.admission import Limits
from inference.engine.blocks import BlockPool, blocks_for
from inference.engine.checkpoint import Checkpoint
from inference.engine.client import EngineClient
from inference.engine.library.latency import Profile, open_loop_async, single_shot
from inference.engine.protocol import Delta, EngineError, Generate, Result, Sampling
from inference.engine.request import Generation
from inference.engine.scheduler import Scheduler

MODELS = ("25m", "260m")
BATCHES = (1, 8, 32)
PROMPT, GENERATE = 128, 128
REPEATS = 5
OURS = "auto"
THEIRS = ("eager float32", "eager bfloat16", "compiled float32", "compiled bfloat16")
REPEATED_PROMPT = 512
RUNNING = 256
_PROFILED = 40
_SHORT, _WARM_UPS = 16, 3


def run(options: Options) -> Iterator[Measure]:
    if find_spec("transformers") is None:
        raise NothingMeasured(
            "transformers is the competitor and is not installed; run `make bench` or install '.[test]'"
        )
    for name in MODELS:
        options.say(f"{name}: the checkpoint is made the first time")
        llama.checkpoint(name)
        yield from _decoding(name, options)
    yield from _repeated(options)
    yield _step_cost()
    yield from _through_the_socket(options)


def _decoding(name: str, options: Options) -> Iterator[Measure]:
    own: dict[int, float] = {}
    with Rival("bench.peers.decoding") as ours, Rival("bench.peers.transformers_decoding") as theirs:
        for batch in BATCHES:
            rivals = {way: ours if way == OURS else theirs for way in (OURS, *THEIRS)}
            warm = {}
            for way, rival in rivals.items():
                options.say(f"{name}, batch {batch}, warming up: {way}")
                # As long a cache as later, so that what is compiled here fits there.
                order = Order(name, way, batch, _SHORT, PROMPT + GENERATE - _SHORT, min(1.0, options.seconds), seed=0)
                tries = [rival.decode(order) for _ in range(_WARM_UPS)]
                warm[way] = max(tries, key=lambda decoded: decoded.per_second)
            fastest = max(warm[way].per_second for way in THEIRS)
            # A way that falls far behind at once is not measured again: its figure is that of the warm-up.
            kept = [way for way in rivals if way == OURS or warm[way].per_second * 2 > fastest]
            seen: dict[str, list[Decoded]] = {way: [warm[way]] for way in rivals if way not in kept}
            for number in range(REPEATS):
                options.say(f"{name}, batch {batch}: round {number + 1} of {REPEATS}")
                for way in kept:
                    order = Order(name, way, batch, PROMPT, GENERATE, options.seconds, seed=number + 1)
                    seen.setdefault(way, []).append(rivals[way].decode(order))
            rates = {way: median(decoded.per_second for decoded in found) for way, found in seen.items()}
            own[batch] = rates[OURS]
            yield from _beside(f"engine/decode/{name}/b{batch}", seen, rates)
    figure = f"engine/decode/{name}/b{BATCHES[-1]}_over_b1"
    yield more_is_better(figure, own[BATCHES[-1]], "tokens/s", "own batch 1", own[1], at_least=6, samples=REPEATS)


def _beside(figure: str, seen: dict[str, list[Decoded]], rates: dict[str, float]) -> Iterator[Measure]:
    best = max(THEIRS, key=lambda way: rates[way])
    for way in THEIRS:
        target = 2 if way == best else None
        yield more_is_better(
            f"{figure}/{way.replace(' ', '_')}",
            rates[OURS],
            "tokens/s",
            way,
            rates[way],
            at_least=target,
            samples=len(seen[way]),
        )
    for who, way in (("ours", OURS), ("theirs", best)):
        cores = median(decoded.cpu_s / decoded.decode_s for decoded in seen[way])
        yield Measure(f"{figure}/cores_used/{who}", cores, "cores", samples=len(seen[way]))


def _repeated(options: Options) -> Iterator[Measure]:
    """The time to the first token of a prompt the engine has met, over that of one it has not."""
    with Rival("bench.peers.decoding") as ours:
        pairs = []
        for number in range(-1, REPEATS):
            options.say(f"a prompt of {REPEATED_PROMPT} tokens, twice: {number + 1} of {REPEATS}")
            order = Order("260m", OURS, 1, REPEATED_PROMPT, 8, options.seconds, seed=1000 + number, task="first_tokens")
            pairs.append(ours.ask(order)["seconds"])
        first, second = (median(times) for times in zip(*pairs[1:], strict=True))
    name = f"engine/first_token/repeated_prompt_{REPEATED_PROMPT}"
    yield more_is_better(name, 1 / second, "1/s", "first time", 1 / first, at_least=5, samples=REPEATS)


class _Nowhere:
    def send(self, deltas: list[Delta]) -> None:
        pass

    def finish(self, outcome: Result | EngineError) -> None:
        pass


def _step_cost() -> Measure:
    """CPU time of planning and closing a step with `RUNNING` running answers, without a network."""
    tokenizer = Checkpoint.open(llama.checkpoint("25m")).tokenizer()
    # Four times as many may wait as do: a queue that is nearly full refuses whoever has most in it.
    limits = Limits(max_running=RUNNING, max_waiting=4 * RUNNING, step_tokens=2 * RUNNING, realtime_share=0.0)
    scheduler = Scheduler(limits, BlockPool(RUNNING * blocks_for(64 + 512) + 1))
    for number in range(RUNNING):
        request = Generation(
            workspace=f"ws{number % 10}",
            lane="standard",
            sink=_Nowhere(),
            tokenizer=tokenizer,
            prompt=[300 + (number + place) % 1000 for place in range(64)],
            max_tokens=512,
            sampling=Sampling(temperature=0.0),
            seed=0,
            stream=True,
            stop_ids=frozenset(),
        )
        scheduler.submit(request, 0.0)
    times: list[float] = []
    for number in range(400):
        began = process_time()
        chunks = scheduler.plan(float(number))
        scheduler.advance(chunks)
        spent = process_time() - began
        for chunk in chunks:
            if chunk.end == len(chunk.choice.tokens):
                chunk.choice.tokens.append(300)
        if len(chunks) == RUNNING and all(chunk.end - chunk.start == 1 for chunk in chunks):
            times.append(spent)
    if not times:
        raise NothingMeasured(f"the scheduler never ran {RUNNING} answers at once")
    return at_most(f"engine/scheduler_step/{RUNNING}_running", median(times) * 1e6, "us", 300, samples=len(times))


def _through_the_socket(options: Options) -> Iterator[Measure]:
    """An engine process of its own behind its socket: a full batch, and latencies under three profiles."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="bw-bench-"))
        stack.callback(shutil.rmtree, folder)
        (folder / "models").mkdir()
        (folder / "models" / "25m").symlink_to(llama.checkpoint("25m"))
        socket, log = folder / "engine.sock", folder / "engine.log"
        command = [
            sys.executable,
            "-m",
            "inference.engine",
            "--socket",
            str(socket),
            "--models",
            str(folder / "models"),
        ]
        engine = start(command, log, environ())
        stack.callback(stop, engine)
        deadline = monotonic() + 120
        while "engine.ready" not in log.read_text():
            if engine.poll() is not None or monotonic() > deadline:
                raise RuntimeError(f"the engine did not start:\n{log.read_text()[-3000:]}")
            sleep(0.05)
        options.say("an engine process behind its socket: a full batch, then latencies")
        yield from asyncio.run(_socket_figures(socket, options))


async def _socket_figures(socket: Path, options: Options) -> Iterator[Measure]:
    client = EngineClient(socket)
    try:
        await asyncio.gather(*(_answer(client, number, 16) for number in range(4)))
        began = perf_counter()
        tokens = sum(await asyncio.gather(*(_answer(client, 100 + number, GENERATE) for number in range(BATCHES[-1]))))
        rate = tokens / (perf_counter() - began)
        # Prompts included: this is what callers get, not what a step gives.
        measures = [Measure(f"engine/socket/25m/b{BATCHES[-1]}", rate, "tokens/s")]
        loop = asyncio.get_running_loop()
        # The harness calls one after another from a thread of its own, and the client belongs to this loop.
        alone = await loop.run_in_executor(
            None,
            lambda: single_shot(
                lambda number: asyncio.run_coroutine_threadsafe(_first(client, number), loop).result(),
                count=_PROFILED,
                warmup=5,
            ),
        )
        capacity = 1 / max(alone.summary().p50.value, 1e-3)
        samples = {Profile.SINGLE_SHOT: alone}
        for profile in (Profile.STEADY, Profile.BURSTY):
            samples[profile] = await open_loop_async(
                lambda number: _first(client, 1000 + number), profile, rate_per_s=capacity / 4, count=_PROFILED, seed=5
            )
        for profile, sample in samples.items():
            summary = sample.summary()
            for name, interval in (("p50", summary.p50), ("p95", summary.p95), ("p99", summary.p99)):
                measures.append(
                    Measure(f"engine/first_token/{profile}/{name}", interval.value * 1e3, "ms", samples=summary.count)
                )
            options.say(f"time to first token, {summary}")
        return iter(measures)
    finally:
        await client.close()


def _request(number: int, tokens: int) -> Generate:
    prompt = [300 + (number * 7919 + place * 31) % 15_000 for place in range(PROMPT)]
    sampling = Sampling(max_tokens=tokens, temperature=0.0)
    return Generate(request=f"r{number}", workspace="bench", model="25m", prompt=prompt, sampling=sampling, stream=True)


async def _answer(client: EngineClient, number: int, tokens: int) -> int:
    """Reads a whole answer; its number of tokens."""
    count = 0
    async with client.stream(_request(number, tokens)) as stream:
        async for deltas in stream:
            count += sum(delta.tokens for delta in deltas)
    return count


async def _first(client: EngineClient, number: int) -> None:
    """Reads the first piece of an answer and lets go of the rest."""
    async with client.stream(_request(number, 8)) as stream:
        async for _ in stream:
            return
