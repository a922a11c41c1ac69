"""Buckets of a processor: each written as C++, compiled, and tried on every instruction set that it is compiled for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from compiler.artifact.content import Bucket
from compiler.backends.cpu.isa import Variant
from compiler.bench.memory import peak_memory, resident_bytes
from compiler.builder import Builder, Sizes, Tried
from compiler.ir.program import Program
from compiler.native.native import Compiled, build
from compiler.native.source import Source, source_of
from compiler.native.storage import NotNative
from compiler.native.threads import Threads
from compiler.passes.manager import for_processor, in_nibbles, optimized
from compiler.target import Processor
from compiler.tune import tunable
from compiler.tune.finals import NothingFits
from compiler.tune.knobs import Value
from compiler.tune.tunable import Runner
from compiler.tune.tuner import Tuner
from compiler.tuned_step import TunedStep, macros
from compiler.validate.parity import Parities, Parity
from compiler.validate.speed import measured


@dataclass(frozen=True, kw_only=True)
class ProcessorBuilder(Builder):
    target: Processor
    threads: int
    tuner: Tuner | None = None
    """Chooses the settings of kernels; without one they choose themselves."""

    def _bucket(
        self, captured: Program, sizes: Sizes, example: Sequence[torch.Tensor]
    ) -> tuple[Bucket, dict[str, Tried]]:
        if self.quantize == "float8":
            raise NotNative("a processor reads int8, int4, or weights as they are, and not float8")
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


def _judged(parity: Parity) -> tunable.Parity:
    return tunable.Parity(parity.holds, {"error": max((each.error for each in parity.findings), default=0.0)})


def _runner(made: Compiled, states: Mapping[str, torch.Tensor], example: Sequence[torch.Tensor]) -> Runner:
    own = {name: state.clone() for name, state in states.items()}
    return lambda: made(example, own)
