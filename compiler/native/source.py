"""The whole of a step as one C++ file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
from compiler.native.storage import NotNative, Storage, c_type
from compiler.passes.specialize import call_symbols, free_symbols
from compiler.schedule.fuse import fuse
from compiler.schedule.group import Group, is_leaf

_HEAD = """\
// Made by the compiler: one step, as every thread of the pool runs it. A launch is a function of where its values lie.
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
_PLACE = re.compile(r"step\.(?:arena \+ \d+|scratch|(?:weights|states|inputs|outputs)\[\d+\])")


@dataclass(frozen=True)
class Source:
    text: str
    groups: Sequence[Group]
    weights: Sequence[torch.Tensor]
    """What the step reads, in its order: packed, and not the program's own tensors."""
    arena: Plan
    step: Step
    """What is needed to call it."""


def source_of(program: Program, limits: Mapping[str, int] | None = None, packing: Packing | None = None) -> Source:
    """One source for all sizes up to `limits`. Programs over the same weights may share a `packing`.

    Raises NotNative for what there is no generated code for.
    """
    graph, limits = program.graph, dict(limits or {})
    if missing := free_symbols(graph) - limits.keys():
        raise NotNative(f"how large {', '.join(sorted(missing))} can be has to be said")
    groups = fuse(graph)
    arena = plan(buffers(graph, groups, limits))
    packing = packing or Packing(program)
    storage = _storage(graph, arena, packing, limits)
    names = sorted(call_symbols(graph))
    launches, functions = Launches(storage, packing), _Functions(names)
    calls = [call for group in groups for call in functions.add(group, launches.group(group))]
    text = _HEAD + "\n".join(functions.texts) + "\n" + _TAIL % "\n".join(calls)
    step = step_of(graph, names, limits, arena=arena, scratch_bytes=storage.scratch_bytes)
    return Source(text, groups, tuple(packing.tensors), arena, step)


class _Functions:
    """Launches that differ in nothing but where their values lie are one function: a network of any depth compiles in the
    time of a layer."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self.texts: list[str] = []
        self._symbols = symbols
        self._names: dict[str, str] = {}

    def add(self, group: Group, body: Sequence[str]) -> list[str]:
        """The calls that do what `body` says."""
        if not body:
            return []
        # Every call is followed by one.
        body = body[:-1] if body[-1].strip() == "team.barrier();" else body
        places: dict[str, str] = {}
        text = _PLACE.sub(lambda found: places.setdefault(found[0], f"at{len(places)}"), "\n".join(body))
        if text not in self._names:
            self._names[text] = f"launch_{len(self._names)}"
            sizes = [
                f"  const long {name} = step.sizes[{number}];"
                for number, name in enumerate(self._symbols)
                if re.search(rf"\b{re.escape(name)}\b", text)
            ]
            title = ", ".join(value.op for value in group.values[:8])
            head = f"static void {self._names[text]}(const Step& step, const Team& team, char* const* at) {{"
            # As variables, which no store can change: what is read through them need not be read again.
            found = [f"  char* const at{number} = at[{number}];" for number in range(len(places))]
            self.texts.append("\n".join([f"// {group.kind}: {title}", head, *sizes, *found, text, "}", ""]))
        given = ", ".join(f"(char*)({place})" for place in places) or "nullptr"
        return [
            f"    {{ char* const at[] = {{{given}}}; {self._names[text]}(step, team, at); }}",
            "    team.barrier();",
        ]


def _storage(graph: Graph, arena: Plan, packing: Packing, limits: Mapping[str, int]) -> Storage:
    storage = Storage(limits)
    for number, value in enumerate(graph.inputs):
        storage.pointers[value] = f"((const {c_type(value)}*)step.inputs[{number}])"
    for number, (_, cache) in enumerate(sorted(graph.caches.items())):
        storage.pointers[cache] = f"(({c_type(cache)}*)step.states[{number}])"
    for value in graph.values:
        if value.op == "weight" and _is_read_as_it_is(value, graph):
            storage.pointers[value] = packing.plain(value)
    for value, offset in arena.offsets.items():
        storage.targets[value] = f"(({c_type(value)}*)(step.arena + {offset}))"
    for number, value in enumerate(graph.outputs):
        if is_leaf(value) or value.op == "write" or value in storage.targets:
            raise NotNative("an output that nothing computes, or twice the same")
        storage.targets[value] = f"(({c_type(value)}*)step.outputs[{number}])"
    return storage


def _is_read_as_it_is(weight: Value, graph: Graph) -> bool:
    """Whether anybody asks for it that has not its own way to lay it out."""
    return any(
        user.op not in ("linear", "half_linear", "byte_linear", "nibble_linear") or user.args[0] is weight
        for user in graph.users[weight]
    )
