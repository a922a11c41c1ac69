"""From a module to an artifact."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from compiler.artifact.axis import Axis, dynamic
from compiler.artifact.content import Content
from compiler.artifact.fingerprint import Fingerprint, here
from compiler.artifact.manifest import Evidence
from compiler.artifact.tensors import Tensors
from compiler.backends.cpu.toolchain import ToolchainError, find_compiler
from compiler.builder import Builder, table_of
from compiler.compiled import Artifact, room
from compiler.frontend.exported import Captured, Unsupported, captured
from compiler.gpu_builder import GpuBuilder
from compiler.processor_builder import ProcessorBuilder
from compiler.target import Gpu, Target, target_of
from compiler.tune.device import usable_cores
from compiler.tune.tuner import Tuner
from compiler.validate.contract import Contract, contract_for, contract_from

QUANTIZATIONS = (None, "int8", "int4", "float8")


def compile(  # noqa: A001  # what it is called everywhere else, too
    module: nn.Module,
    example_inputs: Sequence[torch.Tensor],
    *,
    target: str | Target = "cpu",
    buckets: Mapping[str, Axis] | None = None,
    quantize: str | None = None,
    contract: Contract | None = None,
    folder: str | Path | None = None,
    threads: int | None = None,
    tuner: Tuner | None = None,
) -> Artifact:
    """Compiles `module` for what `example_inputs` are like, proves it, and falls back to torch's operators for what is not proven.

    `buckets` names the sizes that differ from call to call and those to compile for; all others are as in the example. `quantize`
    is `int8` for weights of bytes, `int4` for half bytes with a scale for each few (on a processor), `float8` for floats of eight
    bits (on a GPU that has them). `contract` is what has to be shown. Compiled code lies in `folder`, which is the caller's to
    erase, or in a temporary one that goes with the artifact. A `tuner` chooses the kernels' settings: what its store does not know
    it measures, which takes minutes. Until it is saved and loaded, an artifact shares the module's weights where torch's operators
    need them. `report` of what is returned says what serves, and why.

    Raises Unsupported for a module that cannot be captured, and ValueError for a target or a bucket that cannot be.
    """
    if quantize not in QUANTIZATIONS:
        raise ValueError(f"no quantization {quantize!r}: there are {', '.join(map(str, QUANTIZATIONS))}")
    chosen = target_of(target) if isinstance(target, str) else target
    axes, threads = dict(buckets or {}), threads or usable_cores()
    contract = contract or contract_for(quantize)
    found = _captured(module, example_inputs, axes)
    states = {name: state.detach().clone() for name, state in found.program.states.items()}
    tensors = Tensors()
    reference = {name: tensors.keep(found.program.weights[name]) for name in sorted(found.program.graph.weights)}
    place, clean = room(folder)
    builder = _building(chosen, threads, tuner)(
        program=found.program, quantize=quantize, contract=contract, folder=place, tensors=tensors
    )
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
        fingerprint=_fingerprint(chosen, bool(built.buckets)),
        contract=contract.plain(),
        evidence=Evidence(tuple(built.fallbacks), tuple(built.parity), tuple(built.measurements)),
    )
    made = Artifact(content, threads=threads, gpu=chosen if isinstance(chosen, Gpu) else None, folder=place)
    weakref.finalize(made, clean)
    return made


def extend(
    artifact: Artifact,
    sizes: Mapping[str, int],
    example_inputs: Sequence[torch.Tensor],
    *,
    folder: str | Path | None = None,
    threads: int | None = None,
    tuner: Tuner | None = None,
) -> bool:
    """Compiles an artifact for one more bucket, in this thread, while it serves; whether compiled code takes it from now on.

    For what `missing` was told of, on a thread or a worker that no call waits for. `example_inputs` may be of any sizes, and best
    are made up: nothing of them is kept. `tuner` is as for `compile`. Raises OutsideBucket.
    """
    threads = threads or usable_cores()
    with artifact.changing:
        content = artifact.content
        names = content.fingerprint.instructions
        chosen = artifact.gpu or target_of(f"cpu:{','.join(names)}" if names else "cpu")
        tensors, place, clean = Tensors(content.tensors), *room(folder)
        contract = contract_from(content.contract)
        builder = _building(chosen, threads, tuner)(
            program=content.program, quantize=content.quantize, contract=contract, folder=place, tensors=tensors
        )
        built = builder.build([dict(sizes)], example_inputs)
        weakref.finalize(artifact, clean)
        evidence = content.evidence
        kept = [each for each in evidence.fallbacks if each["sizes"] != sizes]
        changed = replace(
            content,
            tensors=tensors,
            buckets=[*content.buckets, *built.buckets],
            fingerprint=_fingerprint(chosen, bool(built.buckets or names)),
            evidence=Evidence(
                (*kept, *built.fallbacks),
                (*evidence.parity, *built.parity),
                (*evidence.measurements, *built.measurements),
            ),
        )
        artifact.adopt(changed, built.buckets)
    return bool(built.buckets)


def _building(target: Target, threads: int, tuner: Tuner | None) -> Callable[..., Builder]:
    """What makes a builder of all that is the same for every device."""
    if isinstance(target, Gpu):
        return partial(GpuBuilder, target=target, tuner=tuner)
    return partial(ProcessorBuilder, target=target, threads=threads, tuner=tuner)


def _fingerprint(target: Target, compiled: bool) -> Fingerprint:
    if isinstance(target, Gpu):
        return target.fingerprint
    return here(target.names if compiled else (), _compiler())


def _captured(module: nn.Module, example_inputs: Sequence[torch.Tensor], axes: Mapping[str, Axis]) -> Captured:
    for given in example_inputs:
        if not isinstance(given, torch.Tensor):
            raise Unsupported(
                f"an input is a {type(given).__name__}: give tensors one after another, and fix what is none"
            )
    held = (*example_inputs, *module.parameters(), *module.buffers())
    if elsewhere := {str(tensor.device) for tensor in held} - {"cpu"}:
        raise Unsupported(f"the module or its inputs are on {', '.join(sorted(elsewhere))}: move them with .cpu()")
    modes = [(each, each.training) for each in module.modules()]
    try:
        limits = {name: axis.most for name, axis in axes.items() if axis.most is not None}
        return captured(module, example_inputs, dynamic=dynamic(axes), limits=limits)
    finally:
        # One by one: in a module that is trained, parts may be frozen.
        for each, training in modes:
            each.training = training


def _compiler() -> str:
    try:
        return find_compiler().version
    except ToolchainError:
        return ""
