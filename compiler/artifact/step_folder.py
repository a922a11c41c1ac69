"""A step in a folder: its signature, its source, and its packed weights, which are mapped where they lie and not loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import torch

from compiler.artifact.addressed import FileEntry
from compiler.artifact.publication import read, write
from compiler.artifact.refusal import FETCH, Reason, Refused
from compiler.artifact.tensors import chunks, mapped
from compiler.ir.stored import Unstorable, plain, rich
from compiler.native.source import Source
from compiler.native.step import Step
from compiler.tune import canonical

STEP, SOURCE, WEIGHTS = "step.json", "step.cpp", "weights.safetensors"


@dataclass(frozen=True)
class Held:
    """All that a step is called with but its compiled code, which is compiled from `text`."""

    step: Step
    text: str
    weights: Sequence[torch.Tensor]
    """Packed, in the step's order."""
    knobs: Mapping[str, int] = field(default_factory=dict)
    """Macros of the kernels' headers that it is compiled with; none where they choose themselves."""
    unsaved: str = ""
    """Why it is in memory and in no folder; empty where it is mapped."""

    @classmethod
    def of(cls, source: Source, unsaved: str = "") -> Self:
        """What was made, in memory."""
        return cls(source.step, source.text, source.weights, unsaved=unsaved)


def write_step(made: Held, work: Path) -> dict[str, FileEntry]:
    """Writes the files of a step to a folder that has none of them. Raises OSError."""
    step = made.step
    signature = {
        "inputs": plain(step.inputs),
        "outputs": plain(step.outputs),
        "states": plain(step.states),
        "arena_bytes": step.arena_bytes,
        "scratch_bytes": step.scratch_bytes,
        "least_bytes": step.least_bytes,
        "symbols": list(step.symbols),
        "limits": dict(step.limits),
        "weights": len(made.weights),
        "knobs": dict(made.knobs),
    }
    return {
        STEP: write(work / STEP, [canonical.text(signature).encode()]),
        SOURCE: write(work / SOURCE, [made.text.encode()]),
        WEIGHTS: write(work / WEIGHTS, chunks(dict(zip(_names(len(made.weights)), made.weights, strict=True)))),
    }


def read_step(path: Path) -> Held:
    """Of a folder whose files have been checked. Raises Refused."""
    try:
        signature = json.loads(read(path, STEP))
        step = Step(
            rich(signature["inputs"]),
            rich(signature["outputs"]),
            rich(signature["states"]),
            signature["arena_bytes"],
            signature["scratch_bytes"],
            tuple(signature["symbols"]),
            tuple(sorted(signature["limits"].items())),
            signature["least_bytes"],
        )
        names, knobs = _names(signature["weights"]), dict(signature["knobs"])
    except (Unstorable, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refused(Reason.SCHEMA, f"{path / STEP} is of no step of this release: {error}", FETCH) from error
    tensors = mapped(path / WEIGHTS, names)
    return Held(step, read(path, SOURCE).decode(), [tensors[name] for name in names], knobs)


def _names(count: int) -> list[str]:
    """Of its weights, in an order that sorting keeps."""
    return [f"{number:06}" for number in range(count)]
