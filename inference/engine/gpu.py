"""The GPU that an engine is on, as far as kernels for it go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import torch

from compiler import target
from compiler.artifact.kernel_folder import SizePlan
from compiler.artifact.refusal import Refused
from compiler.backends.triton.codegen import planned
from compiler.backends.triton.graph import NoGraphs
from compiler.backends.triton.launch import NotCompiled, NoTriton
from compiler.backends.triton.plans import Cuts, NotPlanned, Plan
from compiler.backends.triton.spaces import cuts_of
from compiler.frontend.exported import Unsupported
from compiler.ir.graph import Graph
from compiler.passes.quantize import Unquantizable
from compiler.tune.tuner import Tuner
from inference.engine.deployment import Weights
from inference.engine.errors import NoKernels
from inference.engine.ladder import fitted_to

_QUANTIZED: dict[Weights, torch.dtype] = {"int8": torch.int8, "float8": torch.float8_e4m3fn}
_NONE = NoGraphs, NoTriton, NotCompiled, NotPlanned, Unsupported, Unquantizable
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
_BATCHES = (32, 64, 128, 256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192)
Cutting = Cuts | Callable[[Plan], Cuts]
"""How launches are cut that the rules would cut otherwise, or what finds that for a plan by the rules."""
BESIDE = ".kernels"
"""A folder beside those of artifacts, which have nothing in them but what was proven."""


@dataclass(frozen=True)
class Gpu(target.Gpu):
    sizes: Sequence[int] = _SIZES
    """Of steps of a decoder, in tokens, that kernels are planned for: answers that go on, and prompts beside them."""
    batches: Sequence[int] = _BATCHES
    """Those of an encoder: what is computed for no text is at most a half of a batch, and a third of a large one."""

    @classmethod
    def at(cls, name: str) -> Self:
        """As torch names it: `cuda`, or `cuda:1`. Raises NoKernels."""
        try:
            return super().at(name)
        except ValueError as error:
            raise NoKernels(str(error)) from error

    def fitted_to(self, seen: Mapping[int, int]) -> Self:
        """With sizes that fit steps that an engine has computed, by their tokens."""
        return replace(self, sizes=fitted_to(seen, self.sizes), batches=fitted_to(seen, self.batches))

    def quantized(self, weights: Weights) -> torch.dtype | None:
        """What kernels read for `weights`; None is what the network has. Raises NoKernels."""
        if weights == "int4":
            raise NoKernels(
                "weights of half bytes are for processors; a GPU reads int8, float8, or weights as they are"
            )
        if weights == "float8" and not self.chip.float8:
            raise NoKernels(f"{self.chip.name} has no floats of eight bits; it reads int8, or weights as they are")
        return _QUANTIZED.get(weights)

    def cutting(self, tuner: Tuner | None, folder: Path) -> Cutting:
        """By rules, or by measuring here, which takes a minute for each kernel that the tuner does not know yet. What Triton
        compiles is kept in `folder`."""
        if tuner is None:
            return {}
        return partial(cuts_of, tuner=tuner, folder=folder, device=self.model, on=str(self.device), upcast=self.upcast)

    def plan(self, graph: Graph, cutting: Cutting) -> SizePlan:
        """Of one size. Raises NotPlanned, also where ATen would have to compute something: what that does is not recorded, and
        knows of no padding."""
        known = cutting if isinstance(cutting, Mapping) else {}
        plan = planned(graph, self.chip, cuts=known, upcast=self.upcast)
        if plan.references:
            raise NotPlanned("; ".join(sorted({reference.reason for reference in plan.references})))
        if isinstance(cutting, Mapping):
            return SizePlan(plan, cuts=known)
        found = cutting(plan)
        return SizePlan(planned(graph, self.chip, cuts=found, upcast=self.upcast), cuts=found)


@contextmanager
def or_no_kernels() -> Iterator[None]:
    """Raises NoKernels for whatever stands against kernels in the block."""
    try:
        yield
    except Refused as error:
        raise NoKernels(error.what) from error
    except _NONE as error:
        raise NoKernels(str(error)) from error
