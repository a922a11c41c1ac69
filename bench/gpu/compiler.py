"""``python -m bench.gpu.compiler``: the compiler's kernels on the CUDA device of this machine; one JSON object a line.

Matrix products of 1 to 16 rows beside cuBLAS, over copies of each weight that together no cache holds; a whole decoding step of a
Llama beside torch.compile(max-autotune) of the same module; the sampler beside the operators of ATen that do the same. Each side
is one CUDA graph. Pairs are interleaved; a ratio is the median of the pairs' ratios with its 95 % interval.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch
from torch.nn import functional

from bench.gpu.network import FORMS, Form, Llama
from bench.report import Measure, as_json, at_least, less_is_better, of_turns
from compiler.backends.triton.alone import Alone
from compiler.backends.triton.capabilities import Capabilities, UnknownDevice, here
from compiler.backends.triton.codegen import launch_of, planned
from compiler.backends.triton.given import Given
from compiler.backends.triton.graph import Recorded
from compiler.backends.triton.launch import Step
from compiler.backends.triton.sampling import Sampler
from compiler.frontend.exported import capture
from compiler.ir.graph import Graph
from compiler.ir.ops import make
from compiler.ir.value import TensorType
from compiler.passes.manager import for_gpu, optimized
from compiler.schedule.fuse import fuse
from compiler.tune.statistics import compare

SHAPES = ((4096, 4096), (4096, 28_672), (14_336, 4096), (4096, 128_256))
"""In and out, of Llama 3.1 8B."""
ROWS = (1, 2, 4, 8, 16)
PAIRS = 40
CONTEXT, ROOM, PROMPT = 1024, 64, 512
COLD = 512 << 20
"""Bytes of weights that are read before one is read again: ten times the largest cache."""
VOCABULARY = 128_256
DRAWS = 8


class Wrong(Exception):
    """What was to be timed does not compute what it should: its time says nothing."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu.compiler", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="file that gets the lines as well")
    parser.add_argument("--models", nargs="*", default=["1b", "8b"], choices=list(FORMS), help="which Llamas")
    parser.add_argument("--only", nargs="*", default=[""], help="beginnings of the sections that are run")
    given = parser.parse_args()
    try:
        device = here()
    except UnknownDevice as error:
        print(error, file=sys.stderr)
        return 2
    lines: list[str] = []
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, section in _sections(device, Path(folder), given.models):
            if not name.startswith(tuple(given.only)):
                continue
            try:
                found = list(as_json(section()))
            except Exception as error:  # noqa: BLE001  # whatever failed, the rest is still worth its time on the device
                traceback.print_exception(error, file=sys.stderr)
                failed = True
                continue
            finally:
                torch.cuda.empty_cache()
            print(f"{name}: done", file=sys.stderr)
            print("\n".join(found), flush=True)
            lines += found
    if given.out is not None:
        given.out.write_text("\n".join([*lines, ""]))
    return 1 if failed else 0


Section = Callable[[], list[Measure]]


def _sections(device: Capabilities, folder: Path, models: list[str]) -> Iterator[tuple[str, Section]]:
    bandwidth = copied()
    yield "copies", lambda: [Measure("gpu/copy", bandwidth / 1e9, "GB/s")]
    for rows in (1, 8, 32):
        yield f"sampler {rows}", lambda r=rows: [sampler(r, folder)]  # type: ignore[misc]
    for model in models:
        yield f"step {model}", lambda m=model: step(m, device, folder, bandwidth)  # type: ignore[misc]
        yield f"prefill {model}", lambda m=model: prefill(m, device, folder)  # type: ignore[misc]
    for depth, columns in SHAPES:
        for rows in ROWS:
            name = f"gpu/matmul/{depth}x{columns}/{rows}"
            yield name, lambda n=name, r=rows, c=columns, d=depth: products(n, r, c, d, device, folder, bandwidth)  # type: ignore[misc]


def copied() -> float:
    """Bytes read and written a second, of the fastest of some copies."""
    source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.nbytes / min(milliseconds(lambda: target.copy_(source)) for _ in range(10)) * 1e3


def products(
    name: str, rows: int, columns: int, depth: int, device: Capabilities, folder: Path, bandwidth: float
) -> list[Measure]:
    x = make("input", name="x", type=TensorType((rows, depth), torch.bfloat16))
    weight = make("weight", name="weight", type=TensorType((columns, depth), torch.bfloat16))
    [group] = fuse(Graph((x,), (make("linear", x, weight),), {}))
    size = columns * depth * 2
    copies = max(2, math.ceil(COLD / size))
    given = Given(group, "cuda", copies=copies)
    alone = Alone(launch_of(group, device), given, folder)
    if (error := alone.error()) > 2e-2:
        raise Wrong(f"{name} is off by {error:.2g}")
    weights = [given.tensor(weight, copy) for copy in range(copies)]
    ours = Recorded(lambda: [alone.run() for _ in range(copies)], given.device)
    theirs = Recorded(lambda: [functional.linear(given.tensor(x), each) for each in weights], given.device)
    made = _compared(name, ours, "cublas", theirs, least=1.0, per=copies)
    return [made, at_least(f"{name}/bandwidth", size / (made.value * 1e-3) / bandwidth, "of copies", 0.85)]


def sampler(rows: int, folder: Path) -> Measure:
    logits = 3 * torch.randn(rows, VOCABULARY, device="cuda")
    options = (
        torch.full((rows,), 0.8, device="cuda"),
        torch.full((rows,), 50, dtype=torch.int32, device="cuda"),
        torch.full((rows,), 0.9, device="cuda"),
        torch.rand(rows, device="cuda"),
    )
    mine = Sampler(logits, folder)
    mine.fill(*options)
    # Several in a row, as after the launches of a step: a graph of its own would cost more than what is in it.
    ours = Recorded(lambda: [mine.run() for _ in range(DRAWS)], logits.device)
    theirs = Recorded(lambda: [eager_sample(logits, *options) for _ in range(DRAWS)], logits.device)
    return _compared(f"gpu/sampler/{rows}", ours, "aten", theirs, least=5.0, per=DRAWS)


def eager_sample(
    logits: torch.Tensor, temperature: torch.Tensor, k: torch.Tensor, p: torch.Tensor, uniform: torch.Tensor
) -> torch.Tensor:
    """Temperature, top-k, top-p and a draw as a chain of operators, by sorting."""
    weights, order = (logits / temperature[:, None]).softmax(-1).sort(-1, descending=True)
    weights = weights * (torch.arange(logits.shape[1], device=logits.device) < k[:, None])
    weights = weights * (weights.cumsum(-1) - weights < p[:, None] * weights.sum(-1, keepdim=True))
    shares = weights.cumsum(-1)
    place = torch.searchsorted(shares, uniform[:, None] * shares[:, -1:], right=True)
    return order.gather(-1, place.clamp(max=logits.shape[1] - 1))[:, 0]


def step(model: str, device: Capabilities, folder: Path, bandwidth: float) -> list[Measure]:
    """One token of one text after `CONTEXT` others, in bfloat16."""
    positions = torch.tensor([CONTEXT - 1])
    mine, network, example = made(FORMS[model], positions, device, folder)
    found = _beside_compiled(f"gpu/step/{model}", mine, network, example, least=1.1 if model == "8b" else 1.3)
    form = FORMS[model]
    read = sum(weight.nbytes for weight in network.parameters()) - form.vocabulary * form.hidden * 2
    read += 2 * form.layers * form.kv_heads * form.head_dim * CONTEXT * 2
    share = read / (found.value * 1e-3) / bandwidth
    return [
        found,
        at_least(f"gpu/step/{model}/bandwidth", share, "of copies", 0.75),
        Measure(f"gpu/step/{model}/launches", len(mine.plan.launches), "launches"),
    ]


def prefill(model: str, device: Capabilities, folder: Path) -> list[Measure]:
    """A prompt, through two layers and the head: products of so many rows are the vendor's library's on both sides."""
    form = replace(FORMS[model], layers=2)
    mine, network, example = made(form, torch.arange(PROMPT), device, folder)
    return [_beside_compiled(f"gpu/prefill/{model}/{PROMPT}", mine, network, example, least=0.95)]


def _beside_compiled(
    name: str, mine: Step, network: Llama, example: Sequence[torch.Tensor], *, least: float
) -> Measure:
    logits = mine(example)[0].float()
    with torch.no_grad():
        wanted = network(*example).float()
    if (logits - wanted).norm() > 0.1 * wanted.norm():
        raise Wrong(f"{name} differs from eager torch")
    compiled = torch.compile(network, mode="max-autotune-no-cudagraphs", fullgraph=True)
    ours = Recorded(mine.run, mine.device)
    theirs = Recorded(lambda: compiled(*example), mine.device)
    return _compared(name, ours, "max-autotune", theirs, least=least)


def made(
    form: Form, positions: torch.Tensor, device: Capabilities, folder: Path
) -> tuple[Step, Llama, Sequence[torch.Tensor]]:
    """A Llama's step for tokens at `positions` of one text as we plan it, the network, and what both take."""
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device("cuda"):
            network = Llama(form, batch=1, places=CONTEXT + ROOM).eval().requires_grad_(False)
            example = torch.full((1, len(positions)), 7), positions.cuda()
            program = for_gpu(optimized(capture(network, example)))
    finally:
        torch.set_default_dtype(torch.float32)
    states = {name: torch.zeros_like(state, device="cuda") for name, state in program.states.items()}
    return Step(planned(program.graph, device), program, states, folder), network, example


def _compared(
    name: str, ours: Callable[[], object], peer: str, theirs: Callable[[], object], *, least: float, per: int = 1
) -> Measure:
    mine: list[float] = []
    other: list[float] = []
    for number in range(PAIRS + 4):
        pair = [(ours, mine), (theirs, other)]
        for run, found in pair if number % 2 else reversed(pair):
            found.append(milliseconds(run) / per)
    mine, other = mine[4:], other[4:]
    found = compare(mine, other)
    made = less_is_better(name, median(mine), "ms", peer, median(other), samples=PAIRS)
    return of_turns(made, 1 / found.ratio, at_least=least, low=1 / found.high, high=1 / found.low)


def milliseconds(run: Callable[[], object]) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    run()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end))


if __name__ == "__main__":
    sys.exit(main())
