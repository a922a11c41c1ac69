"""Whether a program may be given more rows than there are: whether nothing of one row is seen in another, nor in a cache."""

from __future__ import annotations

from compiler.ir.graph import Graph
from compiler.ir.op import Family
from compiler.ir.ops import OPS
from compiler.ir.size import Polynomial, product, symbols
from compiler.ir.value import TensorType, Value
from compiler.passes.canonical import CANONICAL
from compiler.rewrite.rules import rewrite


class _Mixed(Exception):
    """Rows meet here."""


def is_padded_safely(graph: Graph, axis: str) -> bool:
    """Whether what is computed for a row depends on that row alone, for rows along the symbol `axis`.

    Proven value by value: in each that depends on the rows they lie along one dimension, in their order. What is not known to
    keep them so counts as mixing them; a write to a cache does, for it would keep what nobody asked for.
    """
    graph = rewrite(graph, CANONICAL)
    found: dict[Value, int | None] = {}
    try:
        for value in (*graph.inputs, *graph.values):
            if value not in found:
                found[value] = _rows(value, axis, [found[arg] for arg in value.args])
        return all(_is_bare(value, found[value], axis) for value in graph.outputs)
    except _Mixed:
        return False


def _rows(value: Value, axis: str, given: list[int | None]) -> int | None:
    """The dimension that the rows of `value` lie along; None where it does not depend on them. Raises _Mixed."""
    if not isinstance(value.type, TensorType):
        raise _Mixed
    lies = [dim for dim, size in enumerate(value.shape) if axis in symbols([size])]
    if not lies:
        # A size that has become a number, or none, is what all rows are together.
        if any(each is not None for each in given) or axis in _named(value):
            raise _Mixed
        return None
    if len(lies) > 1 or not _is_symbol(value.shape[lies[0]], axis):
        raise _Mixed
    [dim] = lies
    if OPS[value.op].family is Family.LEAF:
        return dim
    if not _KEEPS.get(value.op, _keeps_elements if OPS[value.op].family is Family.ELEMENTWISE else _never)(
        value, dim, given
    ):
        raise _Mixed
    return dim


def _is_bare(value: Value, dim: int | None, axis: str) -> bool:
    return dim is not None or axis not in symbols(value.shape)


def _is_symbol(size: object, axis: str) -> bool:
    return isinstance(size, Polynomial) and size.name == axis


def _named(value: Value) -> set[str]:
    """Symbols in attributes, but for the type."""
    found: set[str] = set()
    for content in value.attributes.values():
        parts = content if isinstance(content, tuple) else (content,)
        found |= symbols(part for part in parts if isinstance(part, int | Polynomial))
    return found


def _never(value: Value, dim: int, given: list[int | None]) -> bool:
    return False


def _keeps_elements(value: Value, dim: int, given: list[int | None]) -> bool:
    """Broadcast from the back: rows of each operand lie where those of the result do."""
    from_back = value.rank - dim
    return all(rows is None or arg.rank - rows == from_back for arg, rows in zip(value.args, given, strict=True))


def _only_first(value: Value, dim: int, given: list[int | None]) -> bool:
    """The rows are the first argument's, in the same dimension, and not along the last, which is mixed."""
    return given[0] == dim and dim < value.args[0].rank - 1 and all(rows is None for rows in given[1:])


def _batch_of_all(value: Value, dim: int, given: list[int | None]) -> bool:
    return dim == 0 and all(rows in (0, None) for rows in given)


def _attends(value: Value, dim: int, given: list[int | None]) -> bool:
    """Rows are texts, or queries of one text over keys that are no rows; a mask is broadcast as elements are."""
    queries, *others = given
    if queries != dim or dim not in (0, 2):
        return False
    keys, extra = others[:2], others[2:]
    if value.op == "cached_attention":
        # Positions are one for each query, whatever the text.
        return keys == [dim if dim == 0 else None] * 2 and extra == [None if dim == 0 else 0]
    masked = all(rows is None or 4 - value.args[3].rank + rows == dim for rows in extra)
    alone = dim == 0 or not value["causal"]
    return masked and alone and keys == [dim if dim == 0 else None] * 2


def _along(value: Value, dim: int, given: list[int | None]) -> bool:
    return dim != value["dim"] % value.rank and given[0] == dim


def _reduced(value: Value, dim: int, given: list[int | None]) -> bool:
    [rows] = given
    axes = value["dims"] if "dims" in value.attributes else (value["dim"],)
    if rows is None or rows in axes:
        return False
    return dim == (rows if value["keep"] else rows - sum(axis < rows for axis in axes))


def _reshaped(value: Value, dim: int, given: list[int | None]) -> bool:
    [arg], [rows] = value.args, given
    return rows is not None and product(arg.shape[:rows]) == product(value.shape[:dim])


def _permuted(value: Value, dim: int, given: list[int | None]) -> bool:
    return bool(given[0] == value["order"][dim])


def _expanded(value: Value, dim: int, given: list[int | None]) -> bool:
    rows = given[0]
    return rows is None or rows + value.rank - value.args[0].rank == dim


def _taken(value: Value, dim: int, given: list[int | None]) -> bool:
    (source, places), at = given, value["dim"]
    if source is None:
        return places is not None and dim == at + places
    return places is None and source != at and dim == (source if source < at else source + value.args[1].rank - 1)


def _joined(value: Value, dim: int, given: list[int | None]) -> bool:
    return dim != value["dim"] and all(rows in (dim, None) for rows in given)


def _multiplied(value: Value, dim: int, given: list[int | None]) -> bool:
    """Rows of the first alone, or the same batches of both."""
    one, other = given
    in_batch = dim < value.rank - 2
    batches = _keeps_elements(value, dim, given) if in_batch else False
    return batches or (dim == value.rank - 2 and one == value.args[0].rank - 2 and other is None)


_KEEPS = {
    **dict.fromkeys(
        ("linear", "half_linear", "byte_linear", "nibble_linear", "rms_norm", "layer_norm", "gated"), _only_first
    ),
    **dict.fromkeys(("softmax", "cumsum", "slice"), _along),
    **dict.fromkeys(("sum", "mean", "amax", "amin", "argmax"), _reduced),
    **dict.fromkeys(("attention", "cached_attention"), _attends),
    "rope": _keeps_elements,
    "reshape": _reshaped,
    "permute": _permuted,
    "expand": _expanded,
    "take": _taken,
    "concat": _joined,
    "matmul": _multiplied,
    "cast": _keeps_elements,
}
