"""Buckets: each is bound, optimized, written as C++, compiled, tried, and kept only if it computes what was meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import torch

from compiler.artifact.axis import Axis
from compiler.artifact.content import Bucket
from compiler.artifact.tensors import Tensors
from compiler.backends.cpu.toolchain import ToolchainError
from compiler.ir.program import Program
from compiler.native.native import Compiled, build
from compiler.native.source import source_of
from compiler.native.storage import NotNative
from compiler.native.threads import Threads
from compiler.passes.manager import for_processor, optimized
from compiler.passes.quantize import Unquantizable
from compiler.passes.specialize import specialize
from compiler.target import Target
from compiler.validate.contract import Contract
from compiler.validate.parity import Parities, Parity
from compiler.validate.samples import sized

Sizes = Mapping[str, int]


@dataclass
class Built:
    buckets: list[Bucket] = field(default_factory=list)
    fallbacks: list[dict[str, Any]] = field(default_factory=list)
    parity: list[dict[str, Any]] = field(default_factory=list)


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

    def build(self, table: Sequence[Sizes], example: Sequence[torch.Tensor]) -> Built:
        """Every bucket of `table`; those that have no code, or code that is wrong, are for the reference, and it says why."""
        built = Built()
        for sizes in table:
            try:
                bucket, parities = self._bucket(sizes, sized(self.program.graph.inputs, example, sizes))
            except (NotNative, ToolchainError, Unquantizable) as error:
                built.fallbacks.append(_fallback(sizes, str(error)))
                continue
            built.parity += [
                {"sizes": dict(sizes), "instructions": name, "truth": parity.truth, "findings": _findings(parity)}
                for name, parity in parities.items()
            ]
            wrong = [f"{name}: {reason}" for name, parity in parities.items() for reason in parity.reasons]
            if wrong:
                built.fallbacks.append(_fallback(sizes, f"compiled code is not what was meant ({'; '.join(wrong)})"))
            else:
                built.buckets.append(bucket)
        return built

    def _bucket(self, sizes: Sizes, example: Sequence[torch.Tensor]) -> tuple[Bucket, dict[str, Parity]]:
        captured = specialize(self.program, sizes)
        meaning = for_processor(optimized(captured), quantized=self.quantize == "int8")
        source = source_of(meaning)
        objects: dict[str, Path] = {
            variant.name: build(source.text, self.folder, variant) for variant in self.target.variants
        }
        bucket = Bucket(dict(sizes), source.text, source.step, self._kept(source.weights), objects)
        parities = Parities(captured, self.contract, meaning=meaning if self.quantize else None)
        return bucket, {
            variant.name: self._proven(parities, bucket, variant.name, example) for variant in self.target.variants
        }

    def _proven(self, parities: Parities, bucket: Bucket, name: str, example: Sequence[torch.Tensor]) -> Parity:
        variant = next(each for each in self.target.variants if each.name == name)
        threads = Threads(bucket.objects[name], variant, threads=self.threads)
        try:
            return parities.of(self.compiled(bucket, threads), example)
        finally:
            threads.close()

    def compiled(self, bucket: Bucket, threads: Threads) -> Compiled:
        weights = [self.tensors[name] for name in bucket.weights]
        return Compiled(bucket.step, weights, threads, bucket.objects[threads.variant.name])

    def _kept(self, weights: Sequence[torch.Tensor]) -> list[str]:
        """Their names. Two buckets that read the same have it once."""
        return [self.tensors.keep(tensor) for tensor in weights]


def table_of(axes: Mapping[str, Axis]) -> list[Sizes]:
    """Every combination of sizes; one without any where there are no axes."""
    names = sorted(axes)
    return [dict(zip(names, sizes, strict=True)) for sizes in product(*(axes[name].sizes for name in names))]


def _findings(parity: Parity) -> list[dict[str, Any]]:
    return [finding.plain() for finding in parity.findings]


def _fallback(sizes: Sizes, reason: str) -> dict[str, Any]:
    return {"sizes": dict(sizes), "reason": reason}
