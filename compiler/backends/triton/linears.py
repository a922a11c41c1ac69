"""A group around a matrix product, as a launch of `linear`, or of `qkv` where it fills a cache."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from compiler.backends.triton import heads
from compiler.backends.triton.capabilities import Capabilities
from compiler.backends.triton.plans import Argument, Launch, Multiply, Scratch, count, numbers, require, title_of
from compiler.backends.triton.sources import Constant, from_template
from compiler.backends.triton.tiles import FEW_ROWS, MOST_ROWS, NARROWEST, Tiles, tiles, whole_heads
from compiler.ir.value import Value
from compiler.schedule.group import Group

FLOATS = frozenset({torch.float32, torch.float16, torch.bfloat16})
_ACTIVATIONS = frozenset({"silu", "relu", "gelu", "gelu_tanh"})


@dataclass(frozen=True, slots=True)
class Product:
    """What is multiplied with what."""

    x: Value
    weight: Value
    scales: Value | None
    bias: Value | None
    norm: Value | None
    """The norm that is computed on the way, of `x`."""

    @property
    def rows(self) -> int:
        return count(self.x.shape) // self.depth

    @property
    def depth(self) -> int:
        return numbers(self.weight.shape)[1]

    def arguments(self) -> tuple[Argument, ...]:
        norm_weight = None if self.norm is None or _is_one(self.norm.args[1]) else self.norm.args[1]
        norm_bias = self.norm.args[2] if self.norm is not None and self.norm.op == "layer_norm" else None
        return self.x, self.weight, self.scales, self.bias, norm_weight, norm_bias

    def constants(self, cut: Tiles, *, upcast: bool) -> dict[str, Constant]:
        dot = self.rows > FEW_ROWS
        norm = norm_kind(None if self.norm is None else self.norm.op, dot=dot, dtype=self.x.dtype)
        return {
            **cut.names(),
            "NORM": norm,
            "EPS": 0.0 if self.norm is None else float(self.norm["eps"]),
            "DOT": dot,
            "UPCAST": upcast,
        }


def _is_one(value: Value) -> bool:
    return value.op == "full" and value["number"] == 1


def norm_kind(op: str | None, *, dot: bool, dtype: torch.dtype) -> str:
    """How the kernel normalizes, as it calls it."""
    if op is None:
        return "none"
    if op == "layer_norm":
        return "layer"
    # Not normalized, a number times the norm's weight may be more than a float16 holds.
    return "rms" if dot and dtype == torch.float16 else "late"


def launch(group: Group, device: Capabilities, *, cut: Tiles | None = None, upcast: bool = False) -> Launch:
    """`cut` in the place of the rules'. Raises NotPlanned."""
    product = product_of(group)
    float8 = product.weight.dtype == torch.float8_e4m3fn
    require(device.float8 or not float8, f"{device.name} has no float8")
    tail = group.values[group.values.index(group.anchor) + 1 :]
    if any(value.op == "write" for value in tail):
        return _qkv(group, product, device, cut, upcast)
    return _plain(group, product, tail, device, cut, upcast)


def library(group: Group, reason: str) -> Multiply:
    """The product alone, where `reason` stands against a launch. Raises NotPlanned."""
    anchor = group.anchor
    require(anchor.op in ("linear", "scaled_linear"), f"{anchor.op} is for processors")
    require(group.values == (anchor,), "the vendor's library computes products, and nothing beside them")
    require(anchor.dtype in FLOATS, f"a product of {anchor.dtype}")
    return Multiply(group, reason)


def product_of(group: Group) -> Product:
    """Raises NotPlanned."""
    anchor = group.anchor
    require(anchor.op in ("linear", "scaled_linear"), f"{anchor.op} is for processors")
    x, weight, *rest = anchor.args
    scales = rest.pop(0) if anchor.op == "scaled_linear" else None
    before = group.values[: group.values.index(anchor)]
    norm = x if x in before else None
    require(before in ((), (norm,)), "more than a norm is computed before the product")
    product = Product(x if norm is None else norm.args[0], weight, scales, rest[0] if rest else None, norm)
    require(product.x.dtype in FLOATS, f"a product of {product.x.dtype}")
    require(weight.dtype in FLOATS | {torch.int8, torch.float8_e4m3fn}, f"a weight of {weight.dtype}")
    require(count(weight.shape) < 1 << 31, "a weight of more elements than kernels count to")
    require(product.rows <= MOST_ROWS, f"{product.rows} rows: the vendor's library is better at more than {MOST_ROWS}")
    return product


@dataclass(frozen=True, slots=True)
class _Epilogue:
    out: Value
    pair: bool
    activation: str
    residual: Value | None


def _plain(
    group: Group, product: Product, tail: tuple[Value, ...], device: Capabilities, cut: Tiles | None, upcast: bool
) -> Launch:
    after = _epilogue(group, tail)
    columns = numbers(product.weight.shape)[0] // (2 if after.pair else 1)
    size = product.weight.dtype.itemsize
    cut = cut or tiles(product.rows, columns, product.depth, product.x.dtype, device, pair=after.pair, bytes_=size)
    grid = -(-columns // cut.block_n), -(-product.rows // cut.block_m), cut.split
    constants = {
        "ROWS": product.rows,
        "COLUMNS": columns,
        "DEPTH": product.depth,
        **product.constants(cut, upcast=upcast),
        "PAIR": after.pair,
        "ACTIVATION": after.activation,
    }
    source = from_template("linear", title_of(group), constants)
    arguments = *product.arguments(), after.residual, after.out, *scratch(cut, grid, pair=after.pair)
    return Launch(group, source, grid, arguments, constants, cut.warps, cut.stages, cut)


def _epilogue(group: Group, tail: tuple[Value, ...]) -> _Epilogue:
    value, activation, residual, pair = group.anchor, "none", None, False
    for step in tail:
        require(value not in group.outputs, "what is computed on the way is asked for as well")
        others = [arg for arg in step.args if arg is not value]
        last = residual is not None
        if step.op == "reshape":
            pass
        elif step.op in _ACTIVATIONS and activation == "none" and not last:
            activation = step.op
        elif step.op == "gated" and step["activation"] in _ACTIVATIONS and activation == "none" and not last:
            activation, pair = step["activation"], True
        elif step.op == "add" and len(others) == 1 and others[0].op != "constant" and not last:
            require(others[0].shape == step.shape, "what is added is not as large as the product")
            require(others[0] not in group.values, "a product is added to what is made of it")
            residual = others[0]
        else:
            require(step.op == "cast" and step is tail[-1], f"{step.op} after a product")
        value = step
    require(group.outputs == (value,) and value.dtype in FLOATS, "a product has one result")
    return _Epilogue(value, pair, activation, residual)


def _qkv(group: Group, product: Product, device: Capabilities, cut: Tiles | None, upcast: bool) -> Launch:
    found = heads.found(group, group.anchor)
    parts = found.heads + 2 * found.groups
    pairs = parts * found.width // 2
    if cut is None:
        size = product.weight.dtype.itemsize
        cut = tiles(product.rows, pairs, product.depth, product.x.dtype, device, pair=True, bytes_=size)
        if found.q.norm is not None or cut.block_n > found.width // 2:
            cut = whole_heads(cut, found.width, product.rows, product.depth, parts, device)
    require(found.width // 2 % cut.block_n == 0, f"tiles of {cut.block_n} do not divide half a head of {found.width}")
    require(found.q.norm is None or cut.block_n == found.width // 2, "a norm of heads needs tiles of whole heads")
    require(
        product.rows <= FEW_ROWS or cut.block_n >= NARROWEST, f"heads of {found.width} are too narrow for tensor cores"
    )
    grid = pairs // cut.block_n, -(-product.rows // cut.block_m), cut.split
    constants = {
        "ROWS": product.rows,
        "DEPTH": product.depth,
        **found.constants(),
        **product.constants(cut, upcast=upcast),
        "HEAD_EPS": found.eps,
    }
    source = from_template("qkv", title_of(group), constants)
    arguments = *product.arguments(), *found.arguments(), *scratch(cut, grid, pair=True)
    return Launch(group, source, grid, arguments, constants, cut.warps, cut.stages, cut)


def scratch(cut: Tiles, grid: tuple[int, int, int], *, pair: bool) -> tuple[Argument, Argument]:
    """Sums of splits, and how many of each tile's have arrived."""
    if cut.split == 1:
        return None, None
    programs = grid[0] * grid[1]
    slot = cut.block_m * cut.block_n * (2 if pair else 1) + cut.block_m
    return Scratch(torch.float32, programs * cut.split * slot), Scratch(torch.int32, programs, zeroed=True)
