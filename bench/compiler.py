"""A decoder's step on this machine's processor: compiled by us, and by torch.compile(mode="max-autotune") with freezing.

One step of a Llama of transformers over a static cache of 512 places, of which 200 are in use; the same module, weights and
type for both, blocks of steps by turns; torch on all cores, ours on all or on one, whichever it gains by. What int8 weights add
is beside it. `bench.compiler_engines` then compares whole engines with weights of 8 bits, `bench.compiler_embeddings` MiniLM.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

from bench import compiler_embeddings, compiler_engines
from bench.peers.static_decoder import SIZES, StaticDecoder
from bench.report import Measure, Options, more_is_better
from compiler.backends.cpu.library import Library
from compiler.frontend.exported import capture
from compiler.native.native import Native
from compiler.passes.manager import for_processor, optimized

PLACES, IN_USE = 512, 200
BATCHES = {1: 1.5, 8: 2.5}
"""Rows of a step, and how many times faster than the peer it is to be."""
STEPS = 6
"""Of a block."""
BLOCKS = 15

Step = Callable[[], object]


def run(options: Options) -> Iterator[Measure]:
    folder = Path(tempfile.mkdtemp(prefix="bw-bench-"))
    threads = torch.get_num_threads()
    try:
        library, alone = Library(folder, threads=threads), Library(folder, threads=1)
        for name in SIZES:
            for batch, wanted in BATCHES.items():
                options.say(f"{name}, {batch} rows: torch compiles, which takes minutes")
                yield from _compared(name, batch, wanted, library, alone, folder)
        for each in (library, alone):
            each.close()
    finally:
        shutil.rmtree(folder)
    yield from compiler_engines.measures(options)
    yield from compiler_embeddings.measures(options)


def _compared(
    name: str, batch: int, wanted: float, library: Library, alone: Library, folder: Path
) -> Iterator[Measure]:
    example = torch.ones(batch, 1, dtype=torch.int64), torch.tensor([IN_USE])
    network = StaticDecoder(SIZES[name], batch=batch, places=PLACES, dtype=torch.bfloat16)
    program = optimized(capture(network, example))
    ours = {
        "bfloat16": _native(Native(for_processor(program), library, folder), program.states, example, alone),
        "int8": _native(
            Native(for_processor(program, quantized=True), library, folder), program.states, example, alone
        ),
    }
    theirs = _torch(network, example)
    seconds = _by_turns({**ours, "torch": theirs})
    peer = batch / median(seconds["torch"])
    ratio = median(other / mine for mine, other in zip(seconds["bfloat16"], seconds["torch"], strict=True))
    yield more_is_better(
        f"compiler/decode_tokens_per_second/{name}/bfloat16/b{batch}",
        ratio * peer,
        "1/s",
        "torch.compile max-autotune",
        peer,
        at_least=wanted,
        samples=BLOCKS,
    )
    yield Measure(
        f"compiler/decode_tokens_per_second/{name}/int8/b{batch}",
        batch / median(seconds["int8"]),
        "1/s",
        samples=BLOCKS,
    )


def _native(
    native: Native, states: Mapping[str, torch.Tensor], example: Sequence[torch.Tensor], alone: Library
) -> Step:
    """On as many threads as it gains by: one, or all."""
    own = {name: state.clone() for name, state in states.items()}
    ways: list[Step] = [lambda: native(example, own), lambda: native(example, own, pool=alone)]
    seconds = _by_turns({str(number): way for number, way in enumerate(ways)})
    return min(zip(map(median, seconds.values()), ways, strict=True), key=lambda timed: timed[0])[1]


def _torch(network: StaticDecoder, example: tuple[torch.Tensor, ...]) -> Step:
    from torch._inductor import config  # here: it takes seconds to import

    config.freezing = True
    compiled = torch.compile(network, mode="max-autotune", fullgraph=True)

    def step() -> object:
        with torch.no_grad():
            return compiled(*example)

    for _ in range(3):
        step()
    return step


def _by_turns(steps: dict[str, Step]) -> dict[str, list[float]]:
    """Seconds of a step in each block, of each."""
    found: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(BLOCKS + 1):
        for name, step in steps.items():
            began = perf_counter()
            for _ in range(STEPS):
                step()
            found[name].append((perf_counter() - began) / STEPS)
    return {name: seconds[1:] for name, seconds in found.items()}
