"""The passes in their order. Each leaves a graph that the verifier accepts; whoever asks for it sees the graph after each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from compiler.ir.program import Program
from compiler.ir.verify import verify
from compiler.passes.canonical import CANONICAL
from compiler.passes.fold import fold
from compiler.passes.pack import pack
from compiler.passes.recognize import RECOGNIZE
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


def optimized(program: Program, watch: Watch | None = None) -> Program:
    """`program` after all passes; `watch` is told the name of each and what it gave. Raises Broken for a mistake in a pass."""
    verify(program.graph)
    for name, run in PASSES.items():
        program = run(program)
        verify(program.graph)
        if watch is not None:
            watch(name, program)
    return program
