"""The CPU backend's kernels beside torch's own packed paths, with two threads each and the same weights.

Matmuls: twenty different weights of 5632 × 1024, which no cache holds, one after another with 1, 8 and 32 rows; each way in its
best form: oneDNN's packed linears in float32, bfloat16 and u8 × s8, and the int4 matmul that torch packs for a CPU. Activations
are made beforehand on both sides (ours with a scale a row, theirs with one in all). Attention: one new token for each of 8
requests over pages, beside scaled_dot_product_attention over the same cache gathered beforehand, which is not counted. Rounds
are interleaved; a ratio is the median of the rounds' ratios, with its 95 % bootstrap interval, and values are the least times.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from torch.nn import functional

from bench.report import Measure, NothingMeasured, Options, less_is_better, of_turns
from compiler.backends.cpu import attention, layout, quantize
from compiler.backends.cpu import matmul as packed_matmul
from compiler.backends.cpu.library import Library
from compiler.backends.cpu.matmul import Bytes, quantize_rows
from compiler.backends.cpu.toolchain import ToolchainError
from inference.engine.library.interval import bootstrap

N, K, WEIGHTS = 5632, 1024, 20
ROWS = (1, 8, 32)
ROUNDS = 15
GROUP = 128
REQUESTS, HEADS, KV_HEADS, HEAD_DIM, BLOCK = 8, 16, 4, 64, 16
CONTEXTS = (128, 512, 2048)

Way = Callable[[], object]


def run(options: Options) -> Iterator[Measure]:
    threads = min(2, len(os.sched_getaffinity(0)))
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        options.say("compiling the kernels")
        try:
            library = Library(Path(folder), threads=threads)
        except ToolchainError as error:
            raise NothingMeasured(str(error)) from error
        options.say(f"kernels for {library.variant.name}, {threads} threads")
        for kind in ("int8", "bfloat16", "float32", "int4"):
            for rows in ROWS:
                options.say(f"{kind}, {rows} rows")
                ours, peer, theirs = _matmuls(library, kind, rows)
                yield _compared(f"compiler_kernels/matmul/{kind}/{rows}", ours, peer, theirs)
        for dtype in (torch.float32, torch.bfloat16):
            for context in CONTEXTS:
                name = str(dtype).removeprefix("torch.")
                options.say(f"attention over {context} tokens in {name}")
                ours, theirs = _attention(library, context, dtype)
                yield _compared(f"compiler_kernels/attention/{name}/{context}", ours, "sdpa", theirs)
        library.close()


def _compared(name: str, ours: Way, peer: str, theirs: Way) -> Measure:
    mine: list[float] = []
    other: list[float] = []
    for number in range(ROUNDS + 2):
        pairs = [(ours, mine), (theirs, other)]
        for way, seconds in pairs if number % 2 else reversed(pairs):
            start = perf_counter()
            way()
            seconds.append(perf_counter() - start)
    ratios = [b / a for a, b in zip(mine[2:], other[2:], strict=True)]
    made = less_is_better(name, min(mine) * 1e3, "ms", peer, min(other) * 1e3, samples=ROUNDS)
    interval = bootstrap(ratios)
    return of_turns(made, median(ratios), low=interval.low, high=interval.high)


def _matmuls(library: Library, kind: str, rows: int) -> tuple[Way, str, Way]:
    """All of the weights by our kernel, a peer's name, and all of them by it."""
    generator = torch.Generator().manual_seed(rows)
    x = torch.randn(rows, K, generator=generator)
    weights = [torch.randn(N, K, generator=generator) / K**0.5 for _ in range(WEIGHTS)]
    if kind == "int8":
        integers = [quantize.int8(weight) for weight in weights]
        packed = [layout.pack(weight) for weight in integers]
        bytes_ = quantize_rows(library, x)
        return _planned(library, bytes_, packed), "qlinear", _qlinear(x, integers)
    if kind == "int4":
        packed = [layout.pack(quantize.int4(weight, GROUP)) for weight in weights]
        bytes_ = quantize_rows(library, x)
        return _planned(library, bytes_, packed), "int4pack_mm", _int4pack(x, weights)
    dtype = getattr(torch, kind)
    x = x.to(dtype)
    packed = [layout.pack(weight.to(dtype)) for weight in weights]
    reordered = [torch.ops.mkldnn._reorder_linear_weight(weight.to(dtype), max(rows, 1)) for weight in weights]
    onednn = torch.ops.mkldnn._linear_pointwise
    return (
        _planned(library, x, packed, dtype),
        "onednn",
        lambda: [onednn(x, weight, None, "none", [], "") for weight in reordered],
    )


def _planned(
    library: Library, x: torch.Tensor | Bytes, weights: list[layout.Packed], out: torch.dtype = torch.float32
) -> Way:
    """All weights in one native call with a barrier after each, as a generated step has them."""
    planned = [packed_matmul.plan(library, x, weight, out=out) for weight in weights]
    return lambda: packed_matmul.run(library, planned)


def _qlinear(x: torch.Tensor, weights: list[quantize.Int8]) -> Way:
    scale = float(x.abs().max() / 127)
    bytes_ = ((x / scale).round() + 128).to(torch.uint8)
    packed = [torch.ops.onednn.qlinear_prepack(weight.values, list(x.shape)) for weight in weights]
    zeros = torch.zeros(N, dtype=torch.int32)
    qlinear = torch.ops.onednn.qlinear_pointwise
    return lambda: [
        qlinear(bytes_, scale, 128, weight, own.scales, zeros, None, 1.0, 0, torch.float32, "none", [], "")
        for weight, own in zip(packed, weights, strict=True)
    ]


def _int4pack(x: torch.Tensor, weights: list[torch.Tensor]) -> Way:
    packed = []
    for weight in weights:
        made = quantize.int4(weight, GROUP)
        # Torch's are (nibble - 8) * scale + zero, in bfloat16.
        scales = torch.stack((made.scales, torch.zeros_like(made.scales)), 2).transpose(0, 1).contiguous()
        packed.append((torch.ops.aten._convert_weight_to_int4pack_for_cpu((made.values + 8).int(), 1), scales))
    half = x.bfloat16()
    return lambda: [
        torch.ops.aten._weight_int4pack_mm_for_cpu(half, weight, GROUP, scales) for weight, scales in packed
    ]


def _attention(library: Library, context: int, dtype: torch.dtype) -> tuple[Way, Way]:
    generator = torch.Generator().manual_seed(context)
    blocks = context // BLOCK
    cache = torch.randn(REQUESTS * blocks, BLOCK, 2 * KV_HEADS, HEAD_DIM, generator=generator).to(dtype)
    tables = torch.randperm(REQUESTS * blocks, generator=generator).int().view(REQUESTS, blocks)
    lengths = torch.full((REQUESTS,), context, dtype=torch.int32)
    q = torch.randn(REQUESTS, HEADS, HEAD_DIM, generator=generator)
    found = cache[tables.flatten()].view(REQUESTS, context, 2 * KV_HEADS, HEAD_DIM).transpose(1, 2)
    # Attention in bfloat16 is several times slower than in float32 on a CPU; widening is not counted.
    k, v = (part.contiguous().float() for part in found.split(KV_HEADS, 1))
    grouped = q.view(REQUESTS, KV_HEADS, HEADS // KV_HEADS, HEAD_DIM)
    return (
        lambda: attention.decode(library, q, cache, tables, lengths),
        lambda: functional.scaled_dot_product_attention(grouped, k, v),
    )
