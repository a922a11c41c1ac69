"""The passes in their order. Each leaves a graph that the verifier accepts; whoever asks for it sees the graph after each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch

from compiler.ir.program import Program
from compiler.ir.verify import verify
from compiler.passes.absorb import absorb
from compiler.passes.canonical import CANONICAL
from compiler.passes.fold import fold
from compiler.passes.narrow import narrow
from compiler.passes.nibbles import quantize_nibbles
from compiler.passes.pack import pack
from compiler.passes.quantize import Chosen, quantize, quantize_weights, samples
from compiler.passes.recognize import RECOGNIZE
from compiler.passes.widen import widen
from compiler.rewrite.rules import Rules, rewrite

Pass = Callable[[Program], Program]
Watch = Callable[[str, Program], object]


def rewriting(rules: Rules) -> Pass:
    return lambda program: replace(program, graph=rewrite(program.graph, rules))


PASSES: Mapping[str, Pass] = {
    "canonical": rewriting(CANONICAL),
    "pack": pack,
    "recognize": rewriting(CANONICAL + RECOGNIZE),
    "fold": fold,
}


WIDENING: Mapping[str, Pass] = {"widen": widen, "canonical": rewriting(CANONICAL), "fold": fold}
"""For a processor that computes in float32."""
ABSORBING: Mapping[str, Pass] = {"absorb": absorb}
"""For a GPU, where a number that is multiplied on its way to the tensor cores goes a long way round."""
QUANTIZING: Mapping[str, Pass] = {"quantize": quantize}
NARROWING: Mapping[str, Pass] = {"narrow": narrow}


def optimized(program: Program, watch: Watch | None = None) -> Program:
    """`program` after all passes; `watch` is told the name of each and what it gave. Raises Broken for a mistake in a pass."""
    return run(program, PASSES, watch)


def for_processor(program: Program, *, quantized: bool = False, watch: Watch | None = None) -> Program:
    """An optimized program in the types that a processor's kernels compute in; with `quantized`, over weights of bytes."""
    return run(program, {**WIDENING, **(QUANTIZING if quantized else {}), **NARROWING}, watch)


def in_nibbles(program: Program, watch: Watch | None = None) -> Program:
    """As `for_processor`, over weights of half bytes."""
    return run(program, {**WIDENING, "quantize": quantize_nibbles}, watch)


def calibrated(
    program: Program, calls: Iterable[Sequence[torch.Tensor]], choices: Iterable[Chosen]
) -> Iterator[Program]:
    """The same with the weights of one choice of linear layers after another as bytes, after a look at what these layers are asked
    about in `calls`: of nobody's data."""
    program = run(program, WIDENING)
    seen = samples(program, calls)
    for chosen in choices:
        yield run(program, {"quantize": partial(quantize, seen=seen, chosen=chosen), **NARROWING})


def for_gpu(program: Program, *, quantized: torch.dtype | None = None, watch: Watch | None = None) -> Program:
    """An optimized program as a GPU computes it: in its own types; with `quantized`, over weights of int8 or of float8_e4m3fn."""
    narrow = {} if quantized is None else {"quantize": partial(quantize_weights, dtype=quantized)}
    return run(program, {**ABSORBING, **narrow}, watch)


def run(program: Program, passes: Mapping[str, Pass], watch: Watch | None = None) -> Program:
    verify(program.graph)
    for name, change in passes.items():
        program = change(program)
        verify(program.graph)
        if watch is not None:
            watch(name, program)
    return program
