"""What the operators of each sub-module compute and move, and what the machine could do in the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

SAME_FORMULA = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: torch.ops.aten._scaled_dot_product_flash_attention,
}
"""Operators that the counter does not know by their own name."""


class ModuleCost(TorchDispatchMode):
    """Floating-point operations (of matrix products, convolutions and attention, by `torch.utils.flop_counter`) and bytes (what
    each operator reads and writes, views aside; caches make the true traffic less) by sub-module. To be used without gradients but
    not in inference mode, where composed operators hide their parts."""

    def __init__(self) -> None:
        super().__init__()
        self.flops: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.current = ""

    def enter(self, name: str) -> None:
        """What follows is of this sub-module."""
        self.current = name

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        count = flop_registry.get(SAME_FORMULA.get(func._overloadpacket, func._overloadpacket))
        if count is not None:
            self.flops[self.current] += int(count(*args, **kwargs, out_val=output))
        if not func.is_view:
            self.bytes[self.current] += _bytes((args, kwargs)) + _bytes(output)
        return output


def _bytes(value: Any) -> int:
    return sum({id(leaf): leaf.nbytes for leaf in pytree.tree_leaves(value) if isinstance(leaf, Tensor)}.values())


@dataclass(frozen=True, slots=True)
class MachinePeaks:
    """What a large matrix product and a large copy reach here, now, with the threads there are."""

    flops_per_s: float
    bytes_per_s: float


@lru_cache(maxsize=16)
def machine_peaks(device: torch.device, dtype: torch.dtype) -> MachinePeaks:
    """Measured once for each device and type, in about a tenth of a second."""
    side, size = (4096, 1 << 28) if device.type == "cuda" else (512, 1 << 24)
    matrix = torch.ones(side, side, dtype=dtype, device=device)
    block = torch.ones(size, dtype=torch.uint8, device=device)
    other = torch.empty_like(block)
    product = _fastest(lambda: torch.mm(matrix, matrix), device)
    copy = _fastest(lambda: other.copy_(block), device)
    return MachinePeaks(2 * side**3 / product, 2 * size / copy)


def _fastest(call: Callable[[], object], device: torch.device) -> float:
    best = float("inf")
    for _ in range(6):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        start = perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, perf_counter() - start)
    return best
