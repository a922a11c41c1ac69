"""From a module to an artifact."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from compiler.artifact.axis import Axis, dynamic
from compiler.artifact.content import Content
from compiler.artifact.fingerprint import here
from compiler.artifact.manifest import Evidence
from compiler.artifact.tensors import Tensors
from compiler.backends.cpu.toolchain import ToolchainError, find_compiler
from compiler.builder import Builder, table_of
from compiler.compiled import Artifact
from compiler.frontend.exported import Captured, captured
from compiler.target import target_of
from compiler.tune.device import usable_cores
from compiler.validate.contract import Contract, contract_for, contract_from

QUANTIZATIONS = (None, "int8")


def compile(  # noqa: A001  # what it is called everywhere else, too
    module: nn.Module,
    example_inputs: Sequence[torch.Tensor],
    *,
    target: str = "cpu",
    buckets: Mapping[str, Axis] | None = None,
    quantize: str | None = None,
    contract: Contract | None = None,
    folder: str | Path | None = None,
    threads: int | None = None,
) -> Artifact:
    """Compiles `module` for what `example_inputs` are like, proves it, and falls back to torch's operators for what is not proven.

    `buckets` names the sizes that differ from call to call and those to compile for; all others are as in the example. `quantize`
    is `int8` for weights of bytes. `contract` is what has to be shown. Compiled code lies in `folder`, which is the caller's to
    erase, or in a temporary one that goes with the artifact. `report` of what is returned says what serves, and why.

    Raises Unsupported for a module that cannot be captured, and ValueError for a target or a bucket that cannot be.
    """
    if quantize not in QUANTIZATIONS:
        raise ValueError(f"no quantization {quantize!r}: there are {', '.join(map(str, QUANTIZATIONS))}")
    chosen, axes, threads = target_of(target), dict(buckets or {}), threads or usable_cores()
    contract = contract or contract_for(quantize)
    found = _captured(module, example_inputs, axes)
    states = {name: state.detach().clone() for name, state in found.program.states.items()}
    tensors = Tensors()
    reference = {name: tensors.keep(found.program.weights[name]) for name in sorted(found.program.graph.weights)}
    temporary = tempfile.TemporaryDirectory(prefix="compiled-") if folder is None else None
    place = Path(temporary.name if temporary is not None else str(folder))
    builder = Builder(found.program, chosen, quantize, contract, place, threads, tensors)
    built = builder.build(table_of(axes), example_inputs)
    content = Content(
        graph=found.program.graph,
        structure=found.structure,
        axes=axes,
        states=states,
        reference=reference,
        tensors=tensors,
        buckets=built.buckets,
        quantize=quantize,
        fingerprint=here(tuple(variant.name for variant in chosen.variants) if built.buckets else (), _compiler()),
        contract=contract.plain(),
        evidence=Evidence(tuple(built.fallbacks), tuple(built.parity)),
    )
    made = Artifact(content, threads=threads)
    if temporary is not None:
        weakref.finalize(made, temporary.cleanup)
    return made


def extend(
    artifact: Artifact,
    sizes: Mapping[str, int],
    example_inputs: Sequence[torch.Tensor],
    *,
    folder: str | Path | None = None,
    threads: int | None = None,
) -> bool:
    """Compiles an artifact for one more bucket, in this thread, while it serves; whether compiled code takes it from now on.

    For what `missing` was told of, on a thread or a worker that no call waits for. `example_inputs` may be of any sizes, and best
    are made up: nothing of them is kept. Raises OutsideBucket.
    """
    content, threads = artifact.content, threads or usable_cores()
    names = content.fingerprint.instructions
    chosen = target_of(f"cpu:{','.join(names)}" if names else "cpu")
    contract = contract_from(content.contract)
    temporary = tempfile.TemporaryDirectory(prefix="compiled-") if folder is None else None
    place = Path(temporary.name if temporary is not None else str(folder))
    builder = Builder(content.program, chosen, content.quantize, contract, place, threads, content.tensors)
    built = builder.build([dict(sizes)], example_inputs)
    if temporary is not None:
        weakref.finalize(artifact, temporary.cleanup)
    instructions = tuple(variant.name for variant in chosen.variants) if built.buckets else names
    evidence = content.evidence
    kept = [each for each in evidence.fallbacks if each["sizes"] != sizes]
    changed = replace(
        content,
        buckets=[*content.buckets, *built.buckets],
        fingerprint=here(instructions, _compiler()),
        evidence=Evidence((*kept, *built.fallbacks), (*evidence.parity, *built.parity), evidence.measurements),
    )
    artifact.adopt(changed, built.buckets)
    return bool(built.buckets)


def _captured(module: nn.Module, example_inputs: Sequence[torch.Tensor], axes: Mapping[str, Axis]) -> Captured:
    training = module.training
    try:
        limits = {name: axis.most for name, axis in axes.items() if axis.most is not None}
        return captured(module, example_inputs, dynamic=dynamic(axes), limits=limits)
    finally:
        module.train(training)


def _compiler() -> str:
    try:
        return find_compiler().version
    except ToolchainError:
        return ""
