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
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch
from torch.nn import functional

from bench.gpu.network import FORMS, Llama
from bench.report import Measure, as_json, at_least, less_is_better
from compiler.backends.triton.alone import Alone
from compiler.backends.triton.capabilities import Capabilities, UnknownDevice, here
from compiler.backends.triton.codegen import launch_of, planned
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
CONTEXT, ROOM = 1024, 64
COLD = 512 << 20
"""Bytes of weights that are read before one is read again: ten times the largest cache."""
VOCABULARY = 128_256


class Wrong(Exception):
    """What was to be timed does not compute what it should: its time says nothing."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu.compiler", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="file that gets the lines as well")
    parser.add_argument("--models", nargs="*", default=["1b", "8b"], choices=list(FORMS), help="which Llamas")
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
    for depth, columns in SHAPES:
        for rows in ROWS:
            name = f"gpu/matmul/{depth}x{columns}/{rows}"
            yield name, lambda n=name, r=rows, c=columns, d=depth: products(n, r, c, d, device, folder, bandwidth)  # type: ignore[misc]
    for rows in (1, 8, 32):
        yield f"sampler {rows}", lambda r=rows: [sampler(r, folder)]  # type: ignore[misc]
    for model in models:
        yield model, lambda m=model: step(m, device, folder, bandwidth)  # type: ignore[misc]


def copied() -> float:
    """Bytes read and written a second, of the fastest of some copies."""
    source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.nbytes / min(_milliseconds(lambda: target.copy_(source)) for _ in range(10)) * 1e3


def products(
    name: str, rows: int, columns: int, depth: int, device: Capabilities, folder: Path, bandwidth: float
) -> list[Measure]:
    x = make("input", name="x", type=TensorType((rows, depth), torch.bfloat16))
    weight = make("weight", name="weight", type=TensorType((columns, depth), torch.bfloat16))
    [group] = fuse(Graph((x,), (make("linear", x, weight),), {}))
    size = columns * depth * 2
    copies = max(2, math.ceil(COLD / size))
    alone = Alone(launch_of(group, device), group, folder, "cuda", copies=copies)
    if (error := alone.error()) > 2e-2:
        raise Wrong(f"{name} is off by {error:.2g}")
    given = torch.randn(rows, depth, dtype=torch.bfloat16, device="cuda")
    weights = [torch.randn(columns, depth, dtype=torch.bfloat16, device="cuda") / 64 for _ in range(copies)]
    ours = Recorded(lambda: [alone.run() for _ in range(copies)], given.device)
    theirs = Recorded(lambda: [functional.linear(given, each) for each in weights], given.device)
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
    ours = Recorded(mine.run, logits.device)
    theirs = Recorded(lambda: eager_sample(logits, *options), logits.device)
    return _compared(f"gpu/sampler/{rows}", ours, "aten", theirs, least=5.0)


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
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device("cuda"):
            network = Llama(FORMS[model], batch=1, places=CONTEXT + ROOM).eval().requires_grad_(False)
            example = torch.tensor([[7]]), torch.tensor([CONTEXT - 1])
            program = for_gpu(optimized(capture(network, example)))
        plan = planned(program.graph, device)
        states = {name: torch.zeros_like(state, device="cuda") for name, state in program.states.items()}
        mine = Step(plan, program, states, folder)
        logits = mine(example)[0].float()
        with torch.no_grad():
            wanted = network(*example).float()
        if (logits - wanted).norm() > 0.1 * wanted.norm():
            raise Wrong(f"{model} differs from eager torch")
        compiled = torch.compile(network, mode="max-autotune-no-cudagraphs", fullgraph=True)
        ours = Recorded(mine.run, mine.device)
        theirs = Recorded(lambda: compiled(*example), mine.device)
    finally:
        torch.set_default_dtype(torch.float32)
    made = _compared(f"gpu/step/{model}", ours, "max-autotune", theirs, least=1.1 if model == "8b" else 1.3)
    form = FORMS[model]
    read = sum(tensor.nbytes for tensor in program.weights.values()) - form.vocabulary * form.hidden * 2
    read += 2 * form.layers * form.kv_heads * form.head_dim * CONTEXT * 2
    share = read / (made.value * 1e-3) / bandwidth
    return [
        made,
        at_least(f"gpu/step/{model}/bandwidth", share, "of copies", 0.75),
        Measure(f"gpu/step/{model}/launches", len(plan.launches), "launches"),
    ]


def _compared(
    name: str, ours: Callable[[], object], peer: str, theirs: Callable[[], object], *, least: float, per: int = 1
) -> Measure:
    mine: list[float] = []
    other: list[float] = []
    for number in range(PAIRS + 4):
        pair = [(ours, mine), (theirs, other)]
        for run, found in pair if number % 2 else reversed(pair):
            found.append(_milliseconds(run) / per)
    mine, other = mine[4:], other[4:]
    found = compare(mine, other)
    made = less_is_better(name, median(mine), "ms", peer, median(other), at_least=least, samples=PAIRS)
    return replace(
        made, ratio=1 / found.ratio, ratio_low=1 / found.high, ratio_high=1 / found.low, met=1 / found.ratio >= least
    )


def _milliseconds(run: Callable[[], object]) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    run()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end))


if __name__ == "__main__":
    sys.exit(main())
