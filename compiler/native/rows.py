"""The rows that a matrix product reads, in the type that it multiplies; a norm before it is made on the way there."""

from __future__ import annotations

from compiler.elements.places import term
from compiler.ir.size import product
from compiler.ir.value import Value
from compiler.native.storage import Storage, number

Lines = list[str]


def rows_of(linear: Value, with_norm: bool, storage: Storage) -> tuple[Lines, str]:
    """Statements that make the rows, with a barrier after them, and the rows as an expression.

    `with_norm` says that what `linear` reads is a norm, which is not in memory but what it norms is.
    """
    asked, rows = linear.args[0], product(linear.shape[:-1])
    width = number(asked.axis(-1))
    source = storage.pointer(asked.args[0] if with_norm else asked)
    given = f"{norm_of(asked, storage)}, (float*){source} + row * {width}, nullptr" if with_norm else ""
    if linear.op == "linear":
        if not with_norm:
            return [], f"Rows<Float>{{(const int32_t*){source}, {width}, {term(rows)}}}"
        out = storage.scratch("float", rows * width, 4)
        call = f"normalize({given}, {out} + row * {width});"
        made = f"Rows<Float>{{(const int32_t*){out}, {width}, {term(rows)}}}"
    else:
        kind, size, alone, normed = _NARROW[linear.op]
        in_a_word = 4 // size
        stride = width + -width % in_a_word
        out = storage.scratch(kind, rows * stride, size)
        scales = storage.scratch("float", rows, 4) if linear.op == "byte_linear" else None
        if with_norm:
            spare = storage.scratch("float", rows * width, 4)
            call = f"{normed}({given}, {spare} + row * {width}, {out} + row * {stride});"
        else:
            call = f"{alone}({source} + row * {width}, {width}, {out} + row * {stride});"
        words = f"(const int32_t*){out}, {stride // in_a_word}, {term(rows)}"
        if scales is None:
            made = f"Rows<Bf16>{{{words}}}"
        else:
            call = f"{scales}[row] = {call}"
            made = f"Rows<Int8>{{{words}, {scales}}}"
    share = f"const Range rows = team.share({term(rows)});"
    return [
        f"  {{ {share} for (long row = rows.begin; row < rows.end; row++) {{ {call} }} }}",
        "  team.barrier();",
    ], made


_NARROW = {
    "half_linear": ("bf16", 2, "halve_row", "normalize_to_halves"),
    "byte_linear": ("uint8_t", 1, "quantize_row", "normalize_to_bytes"),
}
"""What elements are and how many bytes they have; the kernels that make a row of them, from one as it is and through a norm."""


def norm_of(norm: Value, storage: Storage) -> str:
    weight = storage.pointer(norm.args[1])
    bias = storage.pointer(norm.args[2]) if norm.op == "layer_norm" else "nullptr"
    return f"Norm{{{weight}, {bias}, {norm['eps']!r}f, {number(norm.axis(-1))}}}"
