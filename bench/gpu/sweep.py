"""``python -m bench.gpu.sweep``: how a Llama's launches are cut best on the GPU of this machine; one JSON object a line.

What the rules of `compiler.backends.triton.tiles` come from. Candidates are drawn from the space that a tuner has, compiled by
many processes, and timed in one: each as a CUDA graph over copies of its weight that no cache holds. Beside them cuBLAS, for a
product of the same size.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch.nn import functional

from bench.gpu.compiler import COLD, milliseconds
from bench.gpu.network import FORMS, Llama
from compiler.backends.triton.alone import Alone
from compiler.backends.triton.capabilities import Capabilities, here
from compiler.backends.triton.codegen import planned
from compiler.backends.triton.given import Given, cache_of
from compiler.backends.triton.graph import Recorded
from compiler.backends.triton.launch import cache_in
from compiler.backends.triton.plans import Launch, NotPlanned, numbers
from compiler.backends.triton.sources import Source, load
from compiler.backends.triton.spaces import Tunable
from compiler.frontend.exported import capture
from compiler.passes.manager import for_gpu, optimized
from compiler.schedule.group import Group, Kind

REPEATS = 12
FOLDER = Path("/tmp/bailiwick-sweep")  # of a machine that is given back


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu.sweep", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("sweep.jsonl"), help="file that gets the lines")
    parser.add_argument("--models", nargs="*", default=["8b"], choices=list(FORMS))
    parser.add_argument("--rows", nargs="*", type=int, default=[1, 8])
    parser.add_argument("--most", type=int, default=40, help="candidates of each launch")
    parser.add_argument("--context", type=int, default=1024)
    given = parser.parse_args()
    device = here()
    found = [
        (f"{model}/{rows}", group, candidates(group, device, given.most))
        for model in given.models
        for rows in given.rows
        for group in groups(model, rows, given.context, device)
    ]
    began = perf_counter()
    compiled([launch for _, _, launches in found for launch in launches])
    print(f"compiled in {perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    with given.out.open("w") as file:
        for name, group, launches in found:
            for line in timed(name, group, launches):
                file.write(json.dumps(line) + "\n")
                file.flush()
    return 0


def groups(model: str, rows: int, context: int, device: Capabilities) -> list[Group]:
    """What is launched in a layer and after the last, each once."""
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device("meta"):
            network = Llama(replace(FORMS[model], layers=1), batch=rows, places=context + 64)
            example = torch.full((rows, 1), 7), torch.tensor([context])
            program = for_gpu(optimized(capture(network.eval().requires_grad_(False), example)))
    finally:
        torch.set_default_dtype(torch.float32)
    launches = planned(program.graph, device).launches
    kinds = (Kind.LINEAR, Kind.ATTENTION)
    return [launch.group for launch in launches if launch.group is not None and launch.group.kind in kinds]


def candidates(group: Group, device: Capabilities, most: int) -> list[Launch]:
    """The rules' choice first, then others, drawn."""
    tunable = Tunable(group, device, FOLDER)
    drawn: dict[tuple[Any, ...], Launch] = {}
    generator = random.Random(0)
    names = list(tunable.space.knobs)
    for trial in range(50 * most):
        candidate = tunable.space.default if not trial else tunable.space.random(generator)
        key = tuple(candidate[name] for name in names)
        if key in drawn or not sensible(candidate, group):
            continue
        try:
            drawn[key] = tunable.launch(candidate)
        except NotPlanned:
            continue
        if len(drawn) == most:
            break
    return list(drawn.values())


def sensible(candidate: Any, group: Group) -> bool:
    if group.kind is not Kind.LINEAR:
        return True
    size = int(candidate["block_n"]) * int(candidate["block_k"])
    threads = 32 * int(candidate["warps"])
    return 8 * threads <= size <= 128 * threads and size * int(candidate["stages"]) <= 64 * 1024


@dataclass(frozen=True)
class Job:
    """What a process that compiles has to know of a launch."""

    source: Source
    types: Sequence[torch.dtype | None]
    grid: tuple[int, int, int]
    options: dict[str, Any]


def compiled(launches: list[Launch]) -> None:
    """Puts all into Triton's cache; what does not compile is left to fail where it is timed."""
    jobs = [
        Job(
            launch.source,
            [None if argument is None else argument.dtype for argument in launch.arguments],
            launch.grid,
            {**launch.constants, "num_warps": launch.warps, "num_stages": launch.stages},
        )
        for launch in launches
    ]
    # Not forked: who has used a GPU cannot be.
    with multiprocessing.get_context("spawn").Pool(max(1, (os.cpu_count() or 2) - 1)) as pool:
        failed = [error for error in pool.map(_failed, jobs, chunksize=4) if error is not None]
    print(f"{len(jobs)} candidates, {len(failed)} do not compile: {Counter(failed).most_common(3)}", file=sys.stderr)
    if len(failed) == len(jobs):
        raise SystemExit("none of them compiles")


def _failed(job: Job) -> str | None:
    """Why it does not compile, or None."""
    try:
        kernel = load(job.source, FOLDER)
        with cache_in(FOLDER):
            kernel.warmup(*job.types, grid=job.grid, **job.options)
    except Exception as error:  # noqa: BLE001  # counted, and raised again where it is timed
        return repr(error)[:200]
    return None


def timed(name: str, group: Group, launches: list[Launch]) -> Iterator[dict[str, Any]]:
    weight = next((value for value in group.inputs if value.op == "weight" and len(value.shape) == 2), None)
    read = [weight] if weight is not None else [value for value in group.inputs if cache_of(value).op == "state"]
    size = sum(math.prod(numbers(value.shape)) * value.dtype.itemsize for value in read)
    copies = max(1, min(24, COLD // size))
    given = Given(group, "cuda", copies=copies)
    title = f"{name} {group.anchor.op} {'' if weight is None else numbers(weight.shape)} {group.values[-1].op}"
    recorded: list[tuple[Launch, Recorded, float, Alone]] = []
    for launch in launches:
        try:
            alone = Alone(launch, given, FOLDER)
            error = alone.error()
            run = Recorded(partial(_turns, alone, copies), given.device)
            recorded.append((launch, run, error, alone))
        except Exception as error:  # noqa: BLE001  # the others are still worth their time on the device
            yield {"name": title, "cut": asdict(launch.cut) if launch.cut else None, "failed": repr(error)[:200]}
    found: list[dict[str, Any]] = []
    if weight is not None:
        x = torch.randn(numbers(group.anchor.args[0].shape), dtype=torch.bfloat16, device="cuda")
        weights = [given.tensor(weight, copy) for copy in range(copies)]
        cublas = Recorded(lambda: [functional.linear(x, each) for each in weights], given.device)
        found.append({"name": title, "cut": "cublas", "us": fastest(cublas, copies), "bytes": size})
    for launch, run, error, _ in recorded:
        cut = asdict(launch.cut) if launch.cut else None
        found.append({"name": title, "cut": cut, "us": fastest(run, copies), "error": error, "bytes": size})
    yield from found
    best = sorted(found, key=lambda line: float(line["us"]))[:4]
    for line in [each for each in found if each["cut"] == "cublas"] + [found[1 if weight is not None else 0], *best]:
        shown = (
            line["cut"] if isinstance(line["cut"], str) else " ".join(f"{k[-7:]}={v}" for k, v in line["cut"].items())
        )
        rate = line["bytes"] / line["us"] / 1e3
        print(f"{title[:58]:58} {line['us']:8.2f} us {rate:6.0f} GB/s {line.get('error', 0):.0e} {shown}", flush=True)


def _turns(alone: Alone, copies: int) -> None:
    for _ in range(copies):
        alone.run()


def fastest(run: Recorded, copies: int) -> float:
    """Microseconds a launch; the median of some."""
    times = sorted(milliseconds(run) for _ in range(REPEATS))
    return 1e3 * times[len(times) // 2] / copies


if __name__ == "__main__":
    sys.exit(main())
