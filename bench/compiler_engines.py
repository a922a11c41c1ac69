"""Decoders with weights of 8 bits through whole engines: ours as it serves, and those that people use on a processor.

llama.cpp (q8_0), ONNX Runtime GenAI and OpenVINO GenAI (int8), each in an environment of its own, with the same checkpoint of
random weights, the same prompts of 128 tokens, greedily, on all cores. They take turns, `REPEATS` times, and every figure is the
median of what one did, every ratio the median of the ratios of its turns. Tokens a second are counted from when every answer of
a batch has begun; a prefill is a fresh prompt of 512 tokens until its first token. The bandwidth of memory is read in this run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

from bench.peers import bandwidth, llama, packages
from bench.peers.orders import Decoded, Order
from bench.peers.processes import ROOT
from bench.peers.rival import Rival
from bench.report import Measure, Options, at_least, at_most, more_is_better, of_turns
from inference.engine.scrub import environment

MODELS = ("25m", "260m")
BATCHES = (1, 8, 32)
PROMPT, GENERATE, LONG = 128, 128, 512
REPEATS = 5
OURS = "ours"


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    short: str
    home: str
    """Its environment, below .cache."""
    module: str
    packages: tuple[str, ...]
    targets: dict[str, float]
    """How many times as fast ours is to be, by model and point."""
    waits: tuple[str, ...] = ("",)
    """How its threads may wait for each other, as OpenMP calls it; the faster way is compared."""

    @property
    def ways(self) -> dict[str, dict[str, str]]:
        """Name and environment of each way to run it."""
        return {f"{self.short}_{wait}".rstrip("_"): {"OMP_WAIT_POLICY": wait} if wait else {} for wait in self.waits}


PEERS = (
    Peer(
        "llama.cpp q8_0",
        "llama_cpp",
        "bench-llama-cpp",
        "bench.peers.llama_cpp_decoding",
        ("llama_cpp_python==0.3.36", "gguf==0.19.0", "safetensors==0.8.0", "torch==2.13.0"),
        {"260m/b1": 1.3, "25m/b1": 0.8},
        # Spinning is faster where it has all cores to itself, and slower by an order of magnitude where it has not.
        ("active", "passive"),
    ),
    Peer(
        "ONNX Runtime GenAI int8",
        "onnxruntime",
        "bench-onnxruntime-genai",
        "bench.peers.onnxruntime_genai_decoding",
        (
            "onnxruntime-genai==0.18.0",
            "onnxruntime==1.31.1",
            "onnx==1.23.2",
            "onnx-ir==1.1.0",
            "torch==2.13.0",
            "transformers==5.23.0",
        ),
        {"260m/b1": 1.15},
    ),
    Peer(
        "OpenVINO GenAI int8",
        "openvino",
        "bench-openvino",
        "bench.peers.openvino_genai_decoding",
        (
            "openvino==2026.4.1",
            "openvino-genai==2026.4.1",
            "optimum-intel==2.2.0",
            "optimum==2.3.0",
            "nncf==3.4.0",
            "transformers==5.5.4",
            "torch==2.14.1",
        ),
        {"260m/b8": 1.0, "260m/b32": 1.0, "260m/prefill": 0.9, "25m/b8": 1.0, "25m/b32": 1.0},
    ),
)


def measures(options: Options, models: tuple[str, ...] = MODELS, peers: tuple[Peer, ...] = PEERS) -> Iterator[Measure]:
    for name in models:
        llama.checkpoint(name)
    with ExitStack() as stack:
        rivals = {OURS: stack.enter_context(Rival("bench.peers.decoding"))}
        for peer in peers:
            options.say(f"{peer.name}: its environment is made the first time, which takes minutes")
            python = packages.install(ROOT / ".cache" / peer.home, peer.packages)
            for way, variables in peer.ways.items():
                rivals[way] = stack.enter_context(Rival(peer.module, python=python, **variables))
        for name in models:
            for batch in BATCHES:
                order = Order(name, "compiled int8", batch, PROMPT, GENERATE, options.seconds, seed=0)
                limits: list[float] = []
                seen = _by_turns(order, rivals, options, partial(_read, limits) if batch == 1 else None)
                yield from _beside(f"{name}/b{batch}", {who: [d.per_second for d in seen[who]] for who in seen}, peers)
                for who, found in seen.items():
                    cores = median(decoded.cpu_s / decoded.decode_s for decoded in found)
                    yield Measure(f"compiler/engines/cores/{name}/b{batch}/{who}", cores, "cores", samples=REPEATS)
                if batch == 1:
                    yield from _bandwidth(name, [d.per_second for d in seen[OURS]], limits[1:])
            order = Order(name, "compiled int8", 1, LONG, 2, options.seconds, seed=100)
            yield from _memory(name, options)
            prefill = _by_turns(order, rivals, options)
            yield from _beside(
                f"{name}/prefill", {who: [LONG / d.ttft_s for d in prefill[who]] for who in prefill}, peers
            )


def _by_turns(
    order: Order, rivals: dict[str, Rival], options: Options, after_ours: Callable[[], object] | None = None
) -> dict[str, list[Decoded]]:
    seen: dict[str, list[Decoded]] = {who: [] for who in rivals}
    for number in range(REPEATS + 1):
        options.say(f"{order.model}, batch {order.batch}, prompts of {order.prompt}: turn {number} of {REPEATS}")
        for who, rival in rivals.items():
            # The first turn warms up.
            some = replace(order, seed=order.seed + number, seconds=order.seconds if number else min(1, order.seconds))
            seen[who].append(rival.decode(some))
            if who == OURS and after_ours is not None:
                after_ours()
    return {who: found[1:] for who, found in seen.items()}


def _beside(point: str, rates: dict[str, list[float]], peers: tuple[Peer, ...]) -> Iterator[Measure]:
    figure = "prefill_tokens_per_second" if point.endswith("prefill") else "decode_tokens_per_second"
    ours = rates[OURS]
    for peer in peers:
        theirs = max((rates[way] for way in peer.ways), key=median)
        made = more_is_better(
            f"compiler/engines/{figure}/{point}/{peer.short}",
            median(ours),
            "tokens/s",
            peer.name,
            median(theirs),
            samples=REPEATS,
        )
        ratio = median(mine / other for mine, other in zip(ours, theirs, strict=True))
        yield of_turns(made, ratio, at_least=peer.targets.get(point))


def _memory(name: str, options: Options) -> Iterator[Measure]:
    """Of an engine of its own, started as an engine is: what it comes to, beside what its parts say that it may."""
    with Rival("bench.peers.decoding", **environment(wipe_freed=False)) as alone:
        found = alone.ask(Order(name, "compiled int8", 8, PROMPT, 32, options.seconds, seed=1, task="memory"))
    allowed = found["weights"] * 1.15 + found["pages"] + 150e6
    yield at_most(f"compiler/engines/peak_memory/{name}", found["peak"] / 1e6, "MB", allowed / 1e6)
    yield Measure(f"compiler/engines/memory_before_a_model/{name}", found["bare"] / 1e6, "MB")


def _read(limits: list[float]) -> None:
    limits.append(bandwidth.read_bytes_per_second(os.cpu_count() or 1))


def _bandwidth(name: str, rates: list[float], limits: list[float]) -> Iterator[Measure]:
    """What share of the bytes a second that memory gives, right after each turn, is read as weights: on a machine that is shared it
    gives twice as much at one time as at another."""
    size = llama.read_per_token(name)
    share = median(rate * size / limit for rate, limit in zip(rates, limits, strict=True))
    yield Measure(f"compiler/engines/read_bandwidth/{name}", median(limits) / 1e9, "GB/s", samples=len(limits))
    figure = f"compiler/engines/share_of_bandwidth/{name}/b1"
    # The smaller one's weights lie in the L3 cache.
    yield at_least(figure, share, "", 0.72) if name == "260m" else Measure(figure, share, "")
