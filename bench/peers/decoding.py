"""Bailiwick's engine as a competitor: a loaded model's worker, stepped here as the step thread steps it.

Way is the type of the network as torch computes it, or `compiled` and what the compiled weights are in: ``compiled int8``.
Everything between a request and its text is in the time: plan, tensors, network, sampler, text.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, cast

import torch

from bench.peers import llama
from bench.peers.orders import Decoded, Order, prompts, serve
from bench.peers.processes import COMPILED
from compiler.bench.memory import resident_bytes, told
from inference.engine.admission import Limits
from inference.engine.blocks import blocks_for
from inference.engine.compiled_runner import CompiledRunner
from inference.engine.decoder_worker import DecoderWorker
from inference.engine.deployment import Version
from inference.engine.models.layers import DtypeName
from inference.engine.protocol import Delta, EngineError, Result, Sampling
from inference.engine.request import Generation
from inference.engine.served import LoadOptions, ServedModel, load_model


class Reader:
    """Counts what an answer's events say."""

    def __init__(self) -> None:
        self.tokens = 0
        self.outcome: Result | EngineError | None = None

    def send(self, deltas: list[Delta]) -> None:
        self.tokens += sum(delta.tokens for delta in deltas)

    def finish(self, outcome: Result | EngineError) -> None:
        self.outcome = outcome


@cache
def model(name: str, way: str, device: str = "cpu", running: int = 64) -> ServedModel:
    """Raises RuntimeError where a decoder that is to be compiled cannot be."""
    kind, _, weights = way.rpartition(" ")
    limits = Limits(max_running=running, realtime_share=0.0)
    if kind != "compiled":
        options = LoadOptions(device=device, dtype=cast(DtypeName, way), limits=limits)
        return load_model(name, Version(str(llama.checkpoint(name))), options)
    held = "as-they-are" if weights == "bfloat16" else cast(Any, weights)
    options = LoadOptions(dtype="bfloat16", compiled=COMPILED, weights=held, limits=limits)
    served = load_model(name, Version(str(llama.checkpoint(name))), options)
    if cast(DecoderWorker, served.worker).stats(name).slow_path:
        raise RuntimeError(f"{name} could not be compiled; the engine's log says why")
    return served


def generation(served: ServedModel, prompt: list[int], max_tokens: int) -> tuple[Generation, Reader]:
    reader = Reader()
    request = Generation(
        workspace="bench",
        lane="standard",
        sink=reader,
        tokenizer=served.tokenizer,
        prompt=prompt,
        max_tokens=max_tokens,
        sampling=Sampling(temperature=0.0),
        seed=0,
        stream=True,
        stop_ids=frozenset(),
    )
    return request, reader


def decode(served: ServedModel, order: Order) -> Decoded:
    """Raises RuntimeError when an answer ends with an error."""
    worker = cast(DecoderWorker, served.worker)
    made = [
        generation(served, prompt, order.generate + 64)
        for prompt in prompts(served.vocabulary, order.batch, order.prompt, order.seed)
    ]
    readers = [reader for _, reader in made]
    start = perf_counter()
    for request, _ in made:
        worker.submit(request, start)
    while not all(reader.tokens for reader in readers):
        worker.step(perf_counter())
        _check(readers)
    begun, begun_cpu, before = perf_counter(), process_time(), sum(reader.tokens for reader in readers)
    most = max(reader.tokens for reader in readers) + order.generate - 1
    while max(reader.tokens for reader in readers) < most and perf_counter() - begun < order.seconds:
        worker.step(perf_counter())
    ended, cpu = perf_counter(), process_time() - begun_cpu
    _check(readers)
    tokens = sum(reader.tokens for reader in readers) - before
    for request, _ in made:
        worker.cancel(request, None)
    return Decoded(begun - start, tokens, ended - begun, cpu)


def first_tokens(served: ServedModel, order: Order) -> list[float]:
    """Seconds to the first token of one prompt and of the same prompt again."""
    worker = cast(DecoderWorker, served.worker)
    [prompt] = prompts(served.vocabulary, 1, order.prompt, order.seed)
    times = []
    for _ in range(2):
        request, reader = generation(served, list(prompt), 8)
        start = perf_counter()
        worker.submit(request, start)
        while not reader.tokens:
            worker.step(perf_counter())
            _check([reader])
        times.append(perf_counter() - start)
        while reader.outcome is None:
            worker.step(perf_counter())
    return times


def memory(order: Order) -> dict[str, float]:
    """Bytes of this process: `bare` before a model is loaded, `peak` at most until it has served an order; of that are `weights` as
    the code reads them, and `pages` that hold keys and values."""
    bare = resident_bytes()
    served = model(order.model, order.way)
    decode(served, order)
    runner = cast(DecoderWorker, served.worker)._runner
    if not isinstance(runner, CompiledRunner):
        raise RuntimeError(f"{order.model} is not compiled")
    pages = order.batch * blocks_for(order.prompt + order.generate) * runner.store.block_bytes
    return {
        "bare": bare,
        "peak": told(Path("/proc/self/status"), "VmHWM"),
        "weights": runner.memory.weights,
        "pages": pages,
    }


def _check(readers: list[Reader]) -> None:
    for reader in readers:
        if isinstance(reader.outcome, EngineError):
            raise RuntimeError(f"an answer ended with {reader.outcome.code}: {reader.outcome.message}")


def _answer(order: Order) -> Mapping[str, Any]:
    if order.task == "memory":
        return memory(order)
    served = model(order.model, order.way)
    if order.task == "first_tokens":
        return {"seconds": first_tokens(served, order)}
    return asdict(decode(served, order))


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count() or 1)
    serve(_answer)
