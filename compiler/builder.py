"""Buckets: each is bound, optimized, written as C++, compiled, tried, and kept only if it computes what was meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch

from compiler.artifact.axis import Axis
from compiler.artifact.content import Bucket
from compiler.artifact.tensors import Tensors
from compiler.backends.cpu.isa import Variant
from compiler.backends.cpu.toolchain import ToolchainError
from compiler.bench.memory import peak_memory, resident_bytes
from compiler.ir.op import Illegal
from compiler.ir.program import Program
from compiler.ir.verify import Broken
from compiler.native.native import Compiled, build
from compiler.native.source import Source, source_of
from compiler.native.threads import Threads
from compiler.passes.manager import for_processor, in_nibbles, optimized
from compiler.passes.specialize import specialize
from compiler.target import Target
from compiler.tune import tunable
from compiler.tune.finals import NothingFits
from compiler.tune.knobs import Value
from compiler.tune.tunable import Runner
from compiler.tune.tuner import Tuner
from compiler.tuned_step import TunedStep, macros
from compiler.validate.contract import Contract
from compiler.validate.parity import Parities, Parity
from compiler.validate.samples import sized
from compiler.validate.speed import measured

Sizes = Mapping[str, int]
Tried = tuple[Parity, dict[str, Any]]


@dataclass
class Built:
    buckets: list[Bucket] = field(default_factory=list)
    fallbacks: list[dict[str, Any]] = field(default_factory=list)
    parity: list[dict[str, Any]] = field(default_factory=list)
    measurements: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Builder:
    """Of one program. What it compiles goes to `folder`, what it packs to `tensors`."""

    program: Program
    target: Target
    quantize: str | None
    contract: Contract
    folder: Path
    threads: int
    tensors: Tensors = field(default_factory=Tensors)
    tuner: Tuner | None = None
    """Chooses the settings of kernels; without one they choose themselves."""

    def build(self, table: Sequence[Sizes], example: Sequence[torch.Tensor]) -> Built:
        """Every bucket of `table`; those that have no code, or code that is wrong, are for the reference, and it says why."""
        built = Built()
        for sizes in table:
            captured = specialize(self.program, sizes)
            try:
                bucket, tried = self._bucket(captured, sizes, sized(self.program.graph.inputs, example, sizes))
            except (Broken, Illegal) as error:
                built.fallbacks.append(
                    _fallback(sizes, f"a pass went wrong, please report it with the module ({error})")
                )
                continue
            except (ValueError, ToolchainError) as error:
                # NotNative, Unquantizable, and what no layout of weights is for.
                built.fallbacks.append(_fallback(sizes, str(error)))
                continue
            for name, (parity, times) in tried.items():
                about = {"sizes": dict(sizes), "instructions": name}
                built.parity.append({**about, "truth": parity.truth, "findings": _findings(parity)})
                built.measurements.append({**about, **times})
            wrong = [f"{name}: {reason}" for name, (parity, _) in tried.items() for reason in parity.reasons]
            if wrong:
                built.fallbacks.append(_fallback(sizes, f"compiled code is not what was meant ({'; '.join(wrong)})"))
            else:
                built.buckets.append(bucket)
        return built

    def _bucket(
        self, captured: Program, sizes: Sizes, example: Sequence[torch.Tensor]
    ) -> tuple[Bucket, dict[str, Tried]]:
        meant = in_nibbles if self.quantize == "int4" else partial(for_processor, quantized=self.quantize == "int8")
        meaning = meant(optimized(captured))
        source = source_of(meaning)
        parities = Parities(captured, self.contract, meaning=meaning if self.quantize else None)
        weights = self._kept(source.weights)
        knobs = {
            variant.name: self._tuned(captured, parities, source, weights, variant, sizes, example)
            for variant in self.target.variants
        }
        objects: dict[str, Path] = {
            variant.name: build(source.text, self.folder, variant, macros(knobs[variant.name]))
            for variant in self.target.variants
        }
        bucket = Bucket(dict(sizes), source.text, source.step, weights, objects)
        return bucket, {
            variant.name: self._tried(captured, parities, bucket, variant, example, knobs[variant.name])
            for variant in self.target.variants
        }

    def _tuned(
        self,
        captured: Program,
        parities: Parities,
        source: Source,
        weights: Sequence[str],
        variant: Variant,
        sizes: Sizes,
        example: Sequence[torch.Tensor],
    ) -> dict[str, Value]:
        """The settings that the tuner found, or finds now; none without a tuner, or where nothing of them can be used."""
        if self.tuner is None:
            return {}
        with TunedStep(
            source,
            [self.tensors[name] for name in weights],
            variant,
            self.folder,
            threads=self.threads,
            prove=lambda made: _judged(parities.of(made, example)),
            run=lambda made: _runner(made, captured.states, example),
        ) as step:
            try:
                return dict(self.tuner.tune(step, step.key(sizes)).winner)
            except NothingFits:
                # Nothing of it is right: what the kernels choose is tried next, and said to be wrong.
                return {}

    def _tried(
        self,
        captured: Program,
        parities: Parities,
        bucket: Bucket,
        variant: Variant,
        example: Sequence[torch.Tensor],
        knobs: Mapping[str, Value],
    ) -> Tried:
        compiled = bucket.objects[variant.name]
        threads = Threads(compiled, variant, threads=self.threads)
        try:
            weights = [self.tensors[name] for name in bucket.weights]
            states = {name: state.clone() for name, state in captured.states.items()}
            with peak_memory() as peak:
                before = resident_bytes()
                step = Compiled(bucket.step, weights, threads, compiled)
                step(example, states)
            memory = {"predicted_bytes": step.bytes, "resident_bytes": max(0, peak.resident - before)}
            parity = parities.of(step, example)
            times = measured(captured, step, example)
            return parity, {**times, **memory, **({"knobs": dict(knobs)} if knobs else {})}
        finally:
            threads.close()

    def _kept(self, weights: Sequence[torch.Tensor]) -> list[str]:
        """Their names. Two buckets that read the same have it once."""
        return [self.tensors.keep(tensor) for tensor in weights]


def table_of(axes: Mapping[str, Axis]) -> list[Sizes]:
    """Every combination of sizes; one without any where there are no axes."""
    names = sorted(axes)
    return [dict(zip(names, sizes, strict=True)) for sizes in product(*(axes[name].sizes for name in names))]


def _judged(parity: Parity) -> tunable.Parity:
    return tunable.Parity(parity.holds, {"error": max((each.error for each in parity.findings), default=0.0)})


def _runner(made: Compiled, states: Mapping[str, torch.Tensor], example: Sequence[torch.Tensor]) -> Runner:
    own = {name: state.clone() for name, state in states.items()}
    return lambda: made(example, own)


def _findings(parity: Parity) -> list[dict[str, Any]]:
    return [finding.plain() for finding in parity.findings]


def _fallback(sizes: Sizes, reason: str) -> dict[str, Any]:
    return {"sizes": dict(sizes), "reason": reason}
