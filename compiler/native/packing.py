"""The weights of a step as its kernels read them, and how generated code names each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.nn.functional import pad

from compiler.backends.cpu.layout import TILE, interleave, pack
from compiler.backends.cpu.quantize import Int4, Int8
from compiler.ir.program import Program
from compiler.ir.value import Value
from compiler.native.storage import NotNative, c_type

_SCALED = ("byte_linear", "nibble_linear")


@dataclass(frozen=True, slots=True)
class Matrix:
    expression: str
    """Of `Weights`, or of `Nibbles`."""
    tiles: int


class Packing:
    """Collects what generated code asks for; `tensors` are then given to each call in this order."""

    def __init__(self, program: Program) -> None:
        self._weights: Mapping[str, torch.Tensor] = program.weights
        self.tensors: list[torch.Tensor] = []
        self._matrices: dict[tuple[Value, bool], Matrix] = {}
        self._plain: dict[str, str] = {}

    def weight(self, linear: Value, *, gated: bool) -> Matrix:
        """The weight of a linear layer, packed; of a gated one with gate and up taking turns. Raises NotNative."""
        key = linear.args[1], gated
        if key not in self._matrices:
            packed = pack(self._arranged(linear, gated))
            if packed.kind == "int4" and packed.scales is not None:
                parts = [f"(const int32_t*){self._kept(packed.words)}", f"(const bf16*){self._kept(packed.scales)}"]
                facts = [*parts, str(packed.scales.shape[1]), str(packed.group), str(packed.tiles)]
                self._matrices[key] = Matrix(f"Nibbles{{{', '.join(facts)}}}", packed.tiles)
                return self._matrices[key]
            kind = {"int8": "Int8", "bfloat16": "Bf16", "float32": "Float"}[packed.kind]
            parts = [f"(const int32_t*){self._kept(packed.words)}", str(packed.words.shape[1]), str(packed.tiles)]
            if packed.scales is not None and packed.sums is not None:
                parts += [f"(const float*){self._kept(packed.scales)}", f"(const int32_t*){self._kept(packed.sums)}"]
            self._matrices[key] = Matrix(f"Weights<{kind}>{{{', '.join(parts)}}}", packed.tiles)
        return self._matrices[key]

    def bias(self, linear: Value, *, gated: bool) -> str | None:
        """A pointer to the bias, padded to whole tiles; None if there is none."""
        given = linear.args[3:] if linear.op in _SCALED else linear.args[2:]
        if not given:
            return None
        values = self._tensor(given[0]).float()
        if gated:
            values = interleave(*values.chunk(2))
        return f"(const float*){self._kept(pad(values, (0, -values.shape[0] % TILE)))}"

    def plain(self, weight: Value) -> str:
        """A pointer to a weight as it is."""
        name = str(weight["name"])
        if name not in self._plain:
            self._plain[name] = f"((const {c_type(weight)}*){self._kept(self._tensor(weight).contiguous())})"
        return self._plain[name]

    def _arranged(self, linear: Value, gated: bool) -> torch.Tensor | Int8 | Int4:
        values = self._tensor(linear.args[1])
        scales = self._tensor(linear.args[2]) if linear.op in _SCALED else None
        if gated:
            values = interleave(*values.chunk(2))
            scales = None if scales is None else interleave(*scales.chunk(2))
        if linear.op == "nibble_linear" and scales is not None:
            return Int4(values, scales, linear["group"], values.shape[1])
        return values if scales is None else Int8(values, scales)

    def _tensor(self, weight: Value) -> torch.Tensor:
        if weight.op != "weight":
            raise NotNative("a matrix that is no weight is not packed")
        return self._weights[weight["name"]]

    def _kept(self, tensor: torch.Tensor) -> str:
        self.tensors.append(tensor)
        return f"step.weights[{len(self.tensors) - 1}]"
