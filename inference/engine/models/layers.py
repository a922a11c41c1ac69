"""Layers whose weights come from a checkpoint: torch's own spend time and memory on initial values that are never used.

`pack` puts the matrices of a loaded network into the order the processor reads them in and drops the plain ones. Two cores of
a Zen 3 need for 20 matrices of 1024 × 5632, in ms at 1, 8, 32 and 256 rows: float32 30, 211, 132, 550; float32 packed by oneDNN
18, 40, 79, 488; bfloat16 14, 101, 403, 4300 (the processor has no bfloat16 arithmetic); float16 packed by FBGEMM, with float32
activations and sums, 9, 18, 52, 350.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import torch
from torch import nn
from torch.nn import functional

DtypeName = Literal["auto", "float32", "float16", "bfloat16"]
"""What weights are held in; "auto" is `best_dtype` of the device. On a CPU, float16 is weights alone: activations, cache and
all arithmetic are float32."""


def best_dtype(device: torch.device) -> Literal["float32", "float16", "bfloat16"]:
    """bfloat16 where the device calculates in it; else, on a CPU, half-precision weights where there is a kernel for them."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type != "cpu":
        return "float32"
    if _bfloat16_arithmetic():
        return "bfloat16"
    return "float16" if _fbgemm() else "float32"


def activation_dtype(weights: torch.dtype, device: torch.device) -> torch.dtype:
    """What a network with weights of this type computes and caches in."""
    return torch.float32 if weights == torch.float16 and device.type == "cpu" else weights


_MANY_ROWS = 64
_onednn = torch.ops.mkldnn._linear_pointwise
_fbgemm_fp16 = torch.ops.quantized.linear_dynamic_fp16


class Empty(Protocol):
    """Makes an uninitialized tensor of a shape, on the device and in the type a network is to have."""

    def __call__(self, *size: int) -> torch.Tensor: ...


class Linear(nn.Module):
    """[..., columns] to [..., rows]."""

    def __init__(self, empty: Empty, columns: int, rows: int, *, bias: bool = True) -> None:
        super().__init__()
        self.columns = columns
        self.weight = nn.Parameter(empty(rows, columns), requires_grad=False)
        self.bias = nn.Parameter(_vector(empty, rows), requires_grad=False) if bias else None
        self._packed: Any = None
        self.device = self.weight.device
        self.input_dtype = activation_dtype(self.weight.dtype, self.device)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if self._packed is None:
            return functional.linear(values, self.weight, self.bias)
        if isinstance(self._packed, torch.Tensor):
            return _onednn(values, self._packed, self.bias, "none", [], "")  # type: ignore[no-any-return]
        return _fbgemm_fp16(values, self._packed)  # type: ignore[no-any-return]

    def pack(self) -> None:
        """To be called once, when the weights are loaded; afterwards `weight` is empty. Does nothing where there is no gain.

        Raises OverflowError when float16 cannot hold a weight.
        """
        weight = self.weight.data
        if weight.device.type != "cpu" or self._packed is not None:
            return
        if weight.dtype == torch.float16:
            if not torch.isfinite(weight).all():
                raise OverflowError("a weight is beyond what float16 holds")
            self._packed = torch.ops.quantized.linear_prepack_fp16(weight.float(), self.bias)
        elif weight.dtype == torch.float32 or _bfloat16_arithmetic():
            # oneDNN chooses its order by a number of rows; the one for 32 is as good at 1 and better above.
            self._packed = torch.ops.mkldnn._reorder_linear_weight(weight, 32)
        else:
            return
        self.weight = nn.Parameter(weight.new_empty(0), requires_grad=False)


def pack(network: nn.Module) -> None:
    """Packs every `Linear` in a network. Raises OverflowError when float16 cannot hold a weight."""
    for module in network.modules():
        if isinstance(module, Linear):
            module.pack()


class Embedding(nn.Module):
    """[...] ids to [..., width]."""

    def __init__(self, empty: Empty, count: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(empty(count, width), requires_grad=False)
        self._out = activation_dtype(self.weight.dtype, self.weight.device)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return functional.embedding(ids, self.weight).to(self._out)


class RmsNorm(nn.Module):
    def __init__(self, empty: Empty, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(_vector(empty, width), requires_grad=False)
        self.eps = eps

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if values.shape[0] < _MANY_ROWS or values.dtype != torch.float32 or values.device.type != "cpu":
            return functional.rms_norm(values, self.weight.shape, self.weight, self.eps)
        # For a prompt on a CPU torch's own takes many times longer: 1.7 ms against 0.13 at 256 × 1024.
        scale = values.square().mean(-1, keepdim=True).add_(self.eps).rsqrt_()
        return (values * scale).mul_(self.weight)


class LayerNorm(nn.Module):
    def __init__(self, empty: Empty, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(_vector(empty, width), requires_grad=False)
        self.bias = nn.Parameter(_vector(empty, width), requires_grad=False)
        self.eps = eps

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(values, self.weight.shape, self.weight, self.bias, self.eps)


def _vector(empty: Empty, width: int) -> torch.Tensor:
    """Norms and biases are of the activations' type: they are small, and meet activations value by value."""
    made = empty(width)
    return made.to(activation_dtype(made.dtype, made.device))


def _bfloat16_arithmetic() -> bool:
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _fbgemm() -> bool:
    return "fbgemm" in torch.backends.quantized.supported_engines and bool(torch.cpu._is_avx2_supported())


def weights_of(network: nn.Module) -> int:
    """Bytes of a network's weights, each once; before they are packed, which leaves none here and takes as many elsewhere."""
    return sum(parameter.nbytes for parameter in network.parameters())
