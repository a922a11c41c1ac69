"""Buckets: each is bound, optimized, compiled, tried, and kept only if it computes what was meant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import torch

from compiler.artifact.axis import Axis
from compiler.artifact.content import AnyBucket
from compiler.artifact.tensors import Tensors
from compiler.backends.cpu.toolchain import ToolchainError
from compiler.backends.triton.graph import NoGraphs
from compiler.backends.triton.launch import NotCompiled, NoTriton
from compiler.ir.op import Illegal
from compiler.ir.program import Program
from compiler.ir.verify import Broken
from compiler.passes.specialize import specialize
from compiler.validate.contract import Contract
from compiler.validate.parity import Parity
from compiler.validate.samples import sized

Sizes = Mapping[str, int]
Tried = tuple[Parity, dict[str, Any]]
"""What was found, and how long it took in how much memory."""


@dataclass
class Built:
    buckets: list[AnyBucket] = field(default_factory=list)
    fallbacks: list[dict[str, Any]] = field(default_factory=list)
    parity: list[dict[str, Any]] = field(default_factory=list)
    measurements: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Builder(ABC):
    """Of one program. What it compiles goes to `folder`, what it packs to `tensors`."""

    program: Program
    quantize: str | None
    contract: Contract
    folder: Path
    tensors: Tensors = field(default_factory=Tensors)

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
            except (ValueError, ToolchainError, NoTriton, NotCompiled, NoGraphs) as error:
                # NotNative, NotPlanned, Unquantizable, and what no layout of weights is for.
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

    @abstractmethod
    def _bucket(
        self, captured: Program, sizes: Sizes, example: Sequence[torch.Tensor]
    ) -> tuple[AnyBucket, dict[str, Tried]]:
        """A bucket, and how it was tried, by instruction set or architecture. Raises NotNative, NotPlanned, Unquantizable, or what
        is missing to compile or run it."""

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
