"""A decoder layer of any size as a graph: what a network's own would be after the passes, without weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from compiler.ir.graph import Graph
from compiler.ir.ops import make
from compiler.ir.value import TensorType, Value
from compiler.schedule.fuse import fuse
from compiler.schedule.group import Group


@dataclass(frozen=True)
class Layer:
    texts: int = 1
    tokens: int = 1
    dtype: torch.dtype = torch.float32
    hidden: int = 96
    heads: int = 4
    groups: int = 2
    head: int = 16
    wide: int = 72
    places: int = 40
    head_norms: bool = False
    quantized: torch.dtype | None = None
    bias: bool = False

    def launched(self) -> dict[str, Group]:
        """Its groups by what they are called."""
        names = ["qkv", "attention", "out", "gate_up", "down"]
        return dict(zip(names, fuse(self.graph()), strict=True))

    def graph(self) -> Graph:
        x = self._input("x", self.texts, self.tokens, self.hidden)
        turn = [self._input(name, 1, 1, self.tokens, self.head) for name in ("cosine", "sine")]
        positions = make("input", name="positions", type=TensorType((self.tokens,), torch.int64))
        rows = (self.heads + 2 * self.groups) * self.head
        qkv = self._linear("qkv", self._norm("before", x), rows, bias=self.bias)
        q = self._heads(qkv, 0, self.heads, "q", turn)
        k = self._heads(qkv, self.heads, self.groups, "k", turn)
        v = self._heads(qkv, self.heads + self.groups, self.groups, None, [])
        keys, values = (
            make("write", self._state(name), positions, content, dim=2)
            for name, content in (("keys", k), ("values", v))
        )
        attended = make("cached_attention", q, keys, values, positions, scale=self.head**-0.5)
        by_token = make("permute", attended, order=(0, 2, 1, 3))
        mixed = make("reshape", by_token, shape=(self.texts, self.tokens, self.heads * self.head))
        between = make("add", x, self._linear("out", mixed, self.hidden))
        gate_up = self._linear("gate_up", self._norm("after", between), 2 * self.wide, bias=self.bias)
        down = self._linear("down", make("gated", gate_up, activation="silu"), self.hidden)
        return Graph((x, *turn, positions), (make("add", between, down),), {"keys": keys, "values": values})

    def _heads(self, qkv: Value, start: int, count: int, name: str | None, turn: list[Value]) -> Value:
        part = make("slice", qkv, dim=2, start=start * self.head, end=(start + count) * self.head)
        part = make("reshape", part, shape=(self.texts, self.tokens, count, self.head))
        if name is not None and self.head_norms:
            part = make("rms_norm", part, self._weight(f"{name}_norm", self.head), eps=1e-6)
        part = make("permute", part, order=(0, 2, 1, 3))
        return make("rope", part, *turn) if turn else part

    def _norm(self, name: str, x: Value) -> Value:
        return make("rms_norm", x, self._weight(f"{name}_norm", self.hidden), eps=1e-5)

    def _linear(self, name: str, x: Value, rows: int, *, bias: bool = False) -> Value:
        extra = [self._weight(f"{name}_bias", rows)] if bias else []
        if self.quantized is None:
            return make("linear", x, self._weight(name, rows, x.axis(-1)), *extra)
        weight = make("weight", name=name, type=TensorType((rows, x.axis(-1)), self.quantized))
        scales = make("weight", name=f"{name}_scales", type=TensorType((rows,), torch.float32))
        return make("scaled_linear", x, weight, scales, *extra)

    def _input(self, name: str, *shape: int) -> Value:
        return make("input", name=name, type=TensorType(shape, self.dtype))

    def _weight(self, name: str, *shape: int) -> Value:
        return make("weight", name=name, type=TensorType(shape, self.dtype))

    def _state(self, name: str) -> Value:
        shape = self.texts, self.groups, self.places, self.head
        return make("state", name=name, type=TensorType(shape, self.dtype))
