"""ATen's operators in ours: a table from the name of each that is known to what makes it. What is not here stays opaque.

A function takes an operator's arguments as ATen has them, with values in the place of tensors, and gives a value, or a tuple of
values for an operator with several results.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from compiler.frontend.movement import (
    chunk,
    expand,
    permute,
    reshape,
    select,
    slice_,
    split,
    split_with_sizes,
    squeeze,
    stack,
    transpose,
    unbind,
    unsqueeze,
)
from compiler.ir.op import Illegal, axis_of
from compiler.ir.ops import constant, make
from compiler.ir.size import Size
from compiler.ir.value import Value

Translated = Value | tuple[Value, ...]


def lifted(operand: Value | int | float) -> Value:
    """A number becomes a constant. Raises Illegal for what is neither a number nor a value."""
    if isinstance(operand, Value):
        return operand
    if isinstance(operand, bool | int | float):
        return constant(operand)
    raise Illegal("a size that is not known yet is no number to compute with")


def cast(value: Value, dtype: torch.dtype | None) -> Value:
    return value if dtype is None or value.dtype == dtype else make("cast", value, dtype=dtype)


def embedding(weight: Value, ids: Value, *_: object) -> Value:
    return make("take", weight, ids, dim=0)


def addmm(bias: Value, one: Value, other: Value, *, beta: float = 1, alpha: float = 1) -> Value:
    if (beta, alpha) != (1, 1):
        raise Illegal("a scaled addmm is left to ATen")
    return make("add", make("matmul", one, other), bias)


def add(one: Value | float, other: Value | float, *, alpha: float = 1) -> Value:
    return make("add", lifted(one), lifted(other) if alpha == 1 else make("mul", lifted(other), constant(alpha)))


def sub(one: Value | float, other: Value | float, *, alpha: float = 1) -> Value:
    return make("sub", lifted(one), lifted(other) if alpha == 1 else make("mul", lifted(other), constant(alpha)))


def gelu(value: Value, *, approximate: str = "none") -> Value:
    return make("gelu_tanh" if approximate == "tanh" else "gelu", value)


def masked_fill(value: Value, mask: Value, number: Value | float) -> Value:
    return make("where", mask, lifted(number), value)


def softmax(value: Value, dim: int, dtype: torch.dtype | bool | None = None) -> Value:
    return make("softmax", cast(value, dtype if isinstance(dtype, torch.dtype) else None), dim=axis_of(dim, value.rank))


def reduced(name: str) -> Callable[..., Value]:
    def made(value: Value, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Value:
        chosen = range(value.rank) if dim in (None, []) else [dim] if isinstance(dim, int) else dim
        dims = tuple(sorted(axis_of(each, value.rank) for each in chosen))
        return make(name, cast(value, dtype), dims=dims, keep=keepdim)

    return made


def rms_norm(value: Value, shape: Sequence[int], weight: Value | None = None, eps: float | None = None) -> Value:
    if weight is None or len(shape) != 1:
        raise Illegal("only a norm of the last dimension, with a weight, is known")
    return make("rms_norm", value, weight, eps=torch.finfo(value.dtype).eps if eps is None else eps)


def layer_norm(
    value: Value,
    shape: Sequence[int],
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    *_: bool,
) -> Value:
    if weight is None or bias is None or len(shape) != 1:
        raise Illegal("only a norm of the last dimension, with a weight and a bias, is known")
    return make("layer_norm", value, weight, bias, eps=eps)


def attention(
    q: Value,
    k: Value,
    v: Value,
    mask: Value | None = None,
    dropout: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Value:
    if dropout or q.rank != 4:
        raise Illegal("only attention of a served network, over [batch, heads, tokens, width], is known")
    width = q.axis(3)
    if scale is None and not isinstance(width, int):
        raise Illegal("the width of a head is a number")
    given = [q, k, v] if mask is None else [q, k, v, mask]
    return make("attention", *given, scale=scale or 1 / math.sqrt(width), causal=is_causal)  # type: ignore[arg-type]


def paged(
    q: Value, cache: Value, tables: Value, lengths: Value, pieces: Value, block: int, scale: float, window: int
) -> Value:
    return make("paged_attention", q, cache, tables, lengths, pieces, block=block, scale=scale, window=window)


def ragged(qkv: Value, starts: Value, ends: Value, heads: int, scale: float) -> Value:
    return make("ragged_attention", qkv, starts, ends, heads=heads, scale=scale)


def index_copy(state: Value, dim: int, places: Value, content: Value) -> Value:
    return make("write", state, places, content, dim=axis_of(dim, state.rank))


def topk(value: Value, count: int, dim: int = -1, *_: bool) -> tuple[Value, ...]:
    return _items(make("topk", value, count=count, dim=axis_of(dim, value.rank)), 2)


def sort(value: Value, dim: int = -1, descending: bool = False) -> tuple[Value, ...]:
    return _items(make("sort", value, dim=axis_of(dim, value.rank), descending=descending), 2)


def argmax(value: Value, dim: int | None = None, keepdim: bool = False) -> Value:
    if dim is None:
        value, dim = reshape(value, [-1]), 0
    return make("argmax", value, dim=axis_of(dim, value.rank), keep=keepdim)


def cumsum(value: Value, dim: int, *, dtype: torch.dtype | None = None) -> Value:
    return make("cumsum", cast(value, dtype), dim=axis_of(dim, value.rank))


def _items(value: Value, count: int) -> tuple[Value, ...]:
    return tuple(make("item", value, number=number) for number in range(count))


def _plain(name: str) -> Callable[..., Value]:
    return lambda *operands: make(name, *map(lifted, operands))


def _bits(name: str) -> Callable[..., Value]:
    def made(*operands: Any) -> Value:
        if any(not isinstance(operand, Value) or operand.dtype != torch.bool for operand in operands):
            raise Illegal("bits of whole numbers are left to ATen")
        return make(name, *operands)

    return made


def arange(*bounds: Size, dtype: torch.dtype | None = None, **_: object) -> Value:
    start, end, step = {1: (0, *bounds, 1), 2: (*bounds, 1)}.get(len(bounds), bounds)
    if not isinstance(start, int) or step != 1 or isinstance(end, float):
        raise Illegal("only whole numbers one after another are known")
    return make("arange", start=start, size=end - start, dtype=dtype or torch.int64)


def full(shape: Sequence[Size], number: float, *, dtype: torch.dtype | None = None, **_: object) -> Value:
    usual = {bool: torch.bool, int: torch.int64, float: torch.get_default_dtype()}[type(number)]
    chosen = dtype or usual
    if not chosen.is_floating_point:
        number = bool(number) if chosen == torch.bool else int(number)
    return make("full", shape=tuple(shape), number=number, dtype=chosen)


def _as_it_is(value: Value, *_: object, **__: object) -> Value:
    return value


def _to_copy(value: Value, *, dtype: torch.dtype | None = None, **_: object) -> Value:
    return cast(value, dtype)


_SAME = {
    *(
        "neg",
        "abs",
        "relu",
        "reciprocal",
        "sqrt",
        "rsqrt",
        "exp",
        "log",
        "sin",
        "cos",
        "tanh",
        "erf",
        "sigmoid",
        "silu",
    ),
    *("mul", "div", "pow", "maximum", "minimum", "eq", "ne", "lt", "le", "gt", "ge", "where"),
}

TABLE: Mapping[str, Callable[..., Translated]] = {
    **{name: _plain(name) for name in _SAME},
    **{f"logical_{name}": _plain(name) for name in ("not", "and", "or")},
    **{f"bitwise_{name}": _bits(name) for name in ("not", "and", "or")},
    **dict.fromkeys(["clone", "contiguous", "alias", "detach", "dropout", "lift_fresh_copy"], _as_it_is),
    **dict.fromkeys(["view", "reshape", "_unsafe_view"], reshape),
    **{name: reduced(name) for name in ("sum", "mean", "amax", "amin")},
    "mm": _plain("matmul"),
    "bmm": _plain("matmul"),
    "matmul": _plain("matmul"),
    "linear": _plain("linear"),
    "t": lambda value: transpose(value, 0, 1) if value.rank == 2 else value,
    "__and__": _bits("and"),
    "__or__": _bits("or"),
    "arange": arange,
    "new_ones": lambda _, shape, **options: full(shape, 1.0, **options),
    "new_zeros": lambda _, shape, **options: full(shape, 0.0, **options),
    "full": full,
    "zeros": lambda shape, **options: full(shape, 0.0, **options),
    "ones": lambda shape, **options: full(shape, 1.0, **options),
    "_to_copy": _to_copy,
    "scaled_dot_product_attention": attention,
    "slice": slice_,
    "cat": lambda values, dim=0: make("concat", *values, dim=axis_of(dim, values[0].rank)),
    "permute": permute,
    "transpose": transpose,
    "expand": expand,
    "unsqueeze": unsqueeze,
    "squeeze": squeeze,
    "select": select,
    "split": split,
    "split_with_sizes": split_with_sizes,
    "chunk": chunk,
    "unbind": unbind,
    "stack": stack,
    "embedding": embedding,
    "addmm": addmm,
    "add": add,
    "sub": sub,
    "gelu": gelu,
    "masked_fill": masked_fill,
    "softmax": softmax,
    "_softmax": softmax,
    "rms_norm": rms_norm,
    "layer_norm": layer_norm,
    "index_copy": index_copy,
    "paged_attention": paged,
    "sample": _plain("sample"),
    "ragged_attention": ragged,
    "ragged_mean": _plain("ragged_mean"),
    "clamp_min": lambda value, least: make("maximum", value, lifted(least)),
    "topk": topk,
    "sort": sort,
    "argmax": argmax,
    "cumsum": cumsum,
    "index_select": lambda value, dim, places: make("take", value, places, dim=dim),
}
