"""The rows that a matrix product reads, in the type that it multiplies; a norm before it is made on the way there."""

from __future__ import annotations

import torch

from compiler.elements.places import term
from compiler.ir.size import bound, product
from compiler.ir.value import Value
from compiler.native.storage import Storage, number

Lines = list[str]


def rows_of(linear: Value, with_norm: bool, storage: Storage) -> tuple[Lines, str]:
    """Statements that make the rows, and end when they can be read, and the rows as an expression.

    `with_norm` says that what `linear` reads is a norm, which is not in memory but what it norms is.
    """
    asked, rows = linear.args[0], product(linear.shape[:-1])
    width = number(asked.axis(-1))
    source = storage.pointer(asked.args[0] if with_norm else asked)
    given = f"{norm_of(asked, storage)}, (float*){source} + row * {width}, nullptr" if with_norm else ""
    if linear.op == "linear" and not with_norm:
        return [], f"Rows<Float>{{(const int32_t*){source}, {width}, {term(rows)}}}"
    if linear.op == "half_linear" and asked.dtype == torch.bfloat16 and width % 2 == 0:
        return [], f"Rows<Bf16>{{(const int32_t*){source}, {width // 2}, {term(rows)}}}"
    # Room for a few rows of each thread, even where the step itself has fewer.
    room = max(number(bound(rows, storage.limits)), _FEW_ROWS)
    if linear.op == "linear":
        out = storage.scratch("float", room * width, 4)
        call = f"normalize({given}, {out} + (made.at + row) * {width});"
        rows_made = f"Rows<Float>{{(const int32_t*)({out} + made.at * {width}), {width}, {term(rows)}}}"
    else:
        kind, size, alone, normed = _NARROW[linear.op]
        in_a_word = 4 // size
        group = linear["group"] if linear.op == "nibble_linear" else in_a_word
        stride = width + -width % group
        out = storage.scratch(kind, room * stride, size)
        scales = storage.scratch("float", room, 4) if kind == "uint8_t" else None
        target = f"{out} + (made.at + row) * {stride}"
        kept = "" if scales is None else f"{scales}[made.at + row] = "
        if with_norm:
            call = f"alignas(64) float spare[{width}]; {kept}{normed}({given}, spare, {target});"
        else:
            call = f"{kept}{alone}({source} + row * {width}, {width}, {target});"
        words = f"(const int32_t*)({out} + made.at * {stride}), {stride // in_a_word}, {term(rows)}"
        if linear.op == "nibble_linear":
            groups = stride // group
            sums = storage.scratch("int32_t", room * groups, 4)
            if stride > width:
                call += f" std::memset({target} + {width}, ZERO_POINT, {stride - width});"
            call += f" group_sums({target}, {group}, {groups}, {sums} + (made.at + row) * {groups});"
            facts = (
                f"{out} + made.at * {stride}, {stride}, {term(rows)}, {scales} + made.at, {sums} + made.at * {groups}"
            )
            rows_made = f"ByteRows{{{facts}}}"
        elif scales is None:
            rows_made = f"Rows<Bf16>{{{words}}}"
        else:
            rows_made = f"Rows<Int8>{{{words}, {scales} + made.at}}"
    return [
        f"  const Making made(team, {term(rows)}, {width}, {room});",
        f"  for (long row = made.rows.begin; row < made.rows.end; row++) {{ {call} }}",
        "  made.end(team);",
    ], rows_made


_FEW_ROWS = 64
_NARROW = {
    "half_linear": ("bf16", 2, "halve_row", "normalize_to_halves"),
    "byte_linear": ("uint8_t", 1, "quantize_row", "normalize_to_bytes"),
    "nibble_linear": ("uint8_t", 1, "quantize_row", "normalize_to_bytes"),
}
"""What elements are and how many bytes they have; the kernels that make a row of them, from one as it is and through a norm."""


def norm_of(norm: Value, storage: Storage) -> str:
    weight = storage.pointer(norm.args[1])
    bias = storage.pointer(norm.args[2]) if norm.op == "layer_norm" else "nullptr"
    return f"Norm{{{weight}, {bias}, {norm['eps']!r}f, {number(norm.axis(-1))}}}"
