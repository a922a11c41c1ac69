"""The whole of a step as one C++ file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from compiler.ir.graph import Graph
from compiler.ir.program import Program
from compiler.ir.value import Value
from compiler.memory.liveness import buffers
from compiler.memory.plan import Plan, plan
from compiler.native.launches import Launches
from compiler.native.packing import Packing
from compiler.native.step import Step, step_of
from compiler.native.storage import NotNative, Storage, c_type, count, numbers
from compiler.passes.specialize import is_specialized
from compiler.schedule.fuse import fuse
from compiler.schedule.group import Group, is_leaf

_HEAD = """\
// Made by the compiler: one step, as every thread of the pool runs it.
#include "step.h"

"""
_TAIL = """\
extern "C" __attribute__((visibility("default"))) void step_run(Pool* pool, const Step* given) {
  const Step& step = *given;
  pool->run([&](const Team& team) {
%s
  });
}
"""


@dataclass(frozen=True)
class Source:
    text: str
    groups: Sequence[Group]
    weights: Sequence[torch.Tensor]
    """What the step reads, in its order: packed, and not the program's own tensors."""
    arena: Plan
    step: Step
    """What is needed to call it."""


def source_of(program: Program) -> Source:
    """Raises NotNative for what there is no generated code for."""
    graph = program.graph
    if not is_specialized(graph):
        raise NotNative("generated code is for one bucket: bind the symbols first")
    groups = fuse(graph)
    arena = plan(buffers(graph, groups))
    packing = Packing(program)
    storage = _storage(graph, groups, arena, packing)
    launches = Launches(storage, packing)
    functions, calls = [], []
    for number, group in enumerate(groups):
        body = launches.group(group)
        if body:
            title = ", ".join(value.op for value in group.values[:6])
            functions.append(
                f"// {group.kind}: {title}\nstatic void launch_{number}(const Step& step, const Team& team) {{\n"
                + "\n".join(body)
                + "\n}\n"
            )
            calls.append(f"    launch_{number}(step, team);\n    team.barrier();")
    text = _HEAD + "\n".join(functions) + "\n" + _TAIL % "\n".join(calls)
    step = step_of(graph, arena_bytes=arena.bytes, scratch_bytes=storage.scratch_bytes)
    return Source(text, groups, tuple(packing.tensors), arena, step)


def _storage(graph: Graph, groups: Sequence[Group], arena: Plan, packing: Packing) -> Storage:
    storage = Storage()
    for number, value in enumerate(graph.inputs):
        storage.pointers[value] = f"((const {c_type(value)}*)step.inputs[{number}])"
    states = {value["name"]: value for value in graph.values if value.op == "state"}
    for number, name in enumerate(sorted(states)):
        storage.pointers[states[name]] = f"(({c_type(states[name])}*)step.states[{number}])"
    for value in graph.values:
        if value.op == "weight" and _is_read_as_it_is(value, graph):
            storage.pointers[value] = packing.plain(value)
    for value, offset in arena.offsets.items():
        storage.targets[value] = f"(({c_type(value)}*)(step.arena + {offset}))"
    for number, value in enumerate(graph.outputs):
        if is_leaf(value) or value.op == "write" or value in storage.targets or count(value.shape) == 0:
            raise NotNative("an output that nothing computes, or twice the same")
        numbers(value.shape)
        storage.targets[value] = f"(({c_type(value)}*)step.outputs[{number}])"
    return storage


def _is_read_as_it_is(weight: Value, graph: Graph) -> bool:
    """Whether anybody asks for it that has not its own way to lay it out."""
    return any(
        user.op not in ("linear", "half_linear", "byte_linear") or user.args[0] is weight
        for user in graph.users[weight]
    )
