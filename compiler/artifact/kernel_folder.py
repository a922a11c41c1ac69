"""A GPU's step in a folder: the program as it is planned, its weights, how each size of it is launched, and every kernel's source.

Kernels are compiled where they run, by the Triton that the manifest names: what is run is the source that is here, or nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compiler.artifact.addressed import FileEntry
from compiler.artifact.publication import KERNELS, read, write
from compiler.artifact.refusal import AGAIN, FETCH, Reason, Refused
from compiler.artifact.tensors import Tensors, chunks, mapped
from compiler.backends.triton.described import described, plain_cuts, restored_cuts
from compiler.backends.triton.plans import Cuts, Launch, Plan
from compiler.ir.program import Program
from compiler.ir.stored import Unstorable, restored, stored
from compiler.ir.verify import Broken, verify
from compiler.tune import canonical

PROGRAM, WEIGHTS, PLANS = "program.json", "weights.safetensors", "plans.json"


@dataclass(frozen=True)
class SizePlan:
    plan: Plan
    after: Sequence[Launch] = ()
    """What is launched after it."""
    cuts: Cuts = field(default_factory=dict)
    """What was tuned: how launches of it are cut that the rules would cut otherwise."""


Sized = Mapping[int, SizePlan]


def write_kernels(program: Program, sized: Sized, work: Path) -> dict[str, FileEntry]:
    """Writes the files of a program, planned for some sizes, to a folder that has none of them. Raises OSError."""
    tensors = Tensors()
    names = {name: tensors.keep(program.weights[name].cpu()) for name in sorted(program.graph.weights)}
    files = {
        PROGRAM: write(work / PROGRAM, [canonical.text({"graph": stored(program.graph), "weights": names}).encode()]),
        WEIGHTS: write(work / WEIGHTS, chunks(tensors)),
        PLANS: write(work / PLANS, [_text(sized)]),
    }
    for name, source in _sources(sized).items():
        files[name] = write(work / name, [source])
    return files


def read_program(path: Path) -> Program:
    """Of a folder whose files have been checked; weights are read from the disk when they are first used. Raises Refused."""
    try:
        content = json.loads(read(path, PROGRAM))
        graph, names = restored(content["graph"]), dict(content["weights"])
        verify(graph)
    except (Unstorable, Broken, KeyError, TypeError, ValueError) as error:
        raise Refused(Reason.SCHEMA, f"{path / PROGRAM} is of no program of this release: {error}", FETCH) from error
    tensors = mapped(path / WEIGHTS, set(names.values()))
    return Program(graph, {name: tensors[kept] for name, kept in names.items()}, {})


def cuts_in(path: Path) -> dict[int, Cuts]:
    """Of each size that the program was planned for, what was tuned. Raises Refused."""
    try:
        plans = json.loads(read(path, PLANS))
        return {int(size): restored_cuts(content["cuts"]) for size, content in sorted(plans.items())}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refused(Reason.SCHEMA, f"{path / PLANS} names no sizes: {error}", FETCH) from error


def check_plans(path: Path, sized: Sized) -> None:
    """That this release launches the program as it was proven. Raises Refused."""
    there = {f"{KERNELS}/{file.name}": file.read_bytes() for file in (path / KERNELS).iterdir()}
    if read(path, PLANS) != _text(sized) or _sources(sized) != there:
        raise otherwise()


def sources_of(launches: Iterable[Launch]) -> dict[str, bytes]:
    """What launches run, by the path in an artifact's folder; sorted."""
    return {f"{KERNELS}/{launch.source.name}": launch.source.text.encode() for launch in sorted(launches, key=_name)}


def otherwise() -> Refused:
    """Another release's plan is not what was proven."""
    return Refused(Reason.LIBRARY, "this release plans the program otherwise than it was proven", AGAIN)


def _name(launch: Launch) -> str:
    return launch.source.name


def _text(sized: Sized) -> bytes:
    plain = {
        str(size): {"cuts": plain_cuts(each.cuts), "plan": described(each.plan, each.after)}
        for size, each in sized.items()
    }
    return canonical.text(plain).encode()


def _sources(sized: Sized) -> dict[str, bytes]:
    return sources_of(launch for each in sized.values() for launch in (*each.plan.launches, *each.after))
