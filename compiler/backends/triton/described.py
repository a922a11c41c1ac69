"""A plan as plain JSON: of two that say the same, the same is launched, in the same order, over the same memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from compiler.backends.triton.plans import AnyStep, Argument, Cuts, Launch, Multiply, Plan, Scratch
from compiler.backends.triton.tiles import Reach, Tiles
from compiler.ir.value import TensorType, Value


def described(plan: Plan, after: Sequence[Launch] = ()) -> dict[str, Any]:
    """With what is launched `after` it. Values are called by their number, as in `compiler.ir.stored`. How many pages a cache has
    is not in it."""
    number = {value: place for place, value in enumerate(dict.fromkeys((*plan.graph.inputs, *plan.graph.values)))}
    return {
        "device": plan.device.name,
        "steps": [_step(step, number) for step in (*plan.steps, *after)],
        "arena_bytes": plan.arena.bytes,
        "offsets": sorted([number[value], offset] for value, offset in plan.arena.offsets.items()),
    }


def plain_cuts(cuts: Cuts) -> dict[str, Any]:
    """As JSON has them."""
    return {name: asdict(cut) for name, cut in sorted(cuts.items())}


def restored_cuts(plain: Mapping[str, Any]) -> Cuts:
    """From that. Raises TypeError."""
    return {name: (Tiles if "block_m" in cut else Reach)(**cut) for name, cut in plain.items()}


def _step(step: AnyStep, number: dict[Value, int]) -> dict[str, Any]:
    if isinstance(step, Launch):
        return _launch(step, number)
    by = "library" if isinstance(step, Multiply) else "aten"
    return {by: [number[value] for value in step.group.values]}


def _launch(launch: Launch, number: dict[Value, int]) -> dict[str, Any]:
    return {
        "kernel": launch.source.name,
        "grid": list(launch.grid),
        "warps": launch.warps,
        "stages": launch.stages,
        "arguments": [_argument(argument, number) for argument in launch.arguments],
    }


def _argument(argument: Argument, number: dict[Value, int]) -> Any:
    if isinstance(argument, Scratch):
        return {"dtype": str(argument.dtype), "elements": argument.elements, "zeroed": argument.zeroed}
    if isinstance(argument, TensorType):
        return str(argument)
    return None if argument is None else number[argument]
