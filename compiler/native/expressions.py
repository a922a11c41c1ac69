"""The element of a value at a place, as C++."""

from __future__ import annotations

import math

import torch

from compiler.elements.elements import Elements
from compiler.elements.places import Index, offset, term
from compiler.ir.size import Size
from compiler.ir.value import Value
from compiler.native.storage import NotNative, Storage, c_type, number


class CppElements(Elements):
    CALLS = {
        "neg": "-({0})",
        "abs": "std::abs({0})",
        "relu": "relu({0})",
        "not": "!({0})",
        "sqrt": "std::sqrt({0})",
        "rsqrt": "1.0f / std::sqrt({0})",
        "reciprocal": "1.0f / {0}",
        "exp": "std::exp({0})",
        "log": "std::log({0})",
        "sin": "std::sin({0})",
        "cos": "std::cos({0})",
        "tanh": "std::tanh({0})",
        "erf": "std::erf({0})",
        "sigmoid": "1.0f / (1.0f + std::exp(-({0})))",
        "silu": "silu({0})",
        "gelu": "gelu({0})",
        "gelu_tanh": "gelu_tanh({0})",
        "add": "{0} + {1}",
        "sub": "{0} - {1}",
        "mul": "{0} * {1}",
        "div": "{0} / {1}",
        "pow": "std::pow({0}, {1})",
        "maximum": "larger({0}, {1})",
        "minimum": "lesser({0}, {1})",
        "where": "{0} ? {1} : {2}",
        "eq": "{0} == {1}",
        "ne": "{0} != {1}",
        "lt": "{0} < {1}",
        "le": "{0} <= {1}",
        "gt": "{0} > {1}",
        "ge": "{0} >= {1}",
        "and": "{0} && {1}",
        "or": "{0} || {1}",
    }
    DIVIDE = "/"

    def __init__(self, storage: Storage, stem: str = "e") -> None:
        super().__init__(stem)
        self._storage = storage

    def loaded(self, value: Value, index: Index) -> str | None:
        if value not in self._storage:
            return None
        place = f"{self._storage.pointer(value)}[{offset(index, value.shape)}]"
        return f"to_float({place})" if value.dtype == torch.bfloat16 else place

    def named(self, name: str, expression: str, value: Value) -> str:
        c_type(value)  # or it is none that can be computed with
        return f"const {computed(value.dtype)} {name} = {expression};"

    def converted(self, name: str, have: torch.dtype, kind: torch.dtype) -> str:
        if kind == torch.bool:
            return name if have == torch.bool else f"({name} != 0)"
        if kind.is_floating_point:
            return name if have.is_floating_point else f"(float){name}"
        return name if not have.is_floating_point and have != torch.bool else f"(int64_t){name}"

    def rounded(self, name: str, have: torch.dtype, dtype: torch.dtype) -> str:
        if dtype == torch.bfloat16:
            return f"rounded_to_half({self.converted(name, have, torch.float32)})"
        return f"({computed(dtype)})({name})"

    def literal(self, number: bool | int | float, dtype: torch.dtype) -> str:
        if dtype == torch.bool or isinstance(number, bool):
            return "true" if number else "false"
        if not dtype.is_floating_point:
            return f"INT64_C({int(number)})"
        if math.isnan(number):
            return "NAN"
        if math.isinf(number):
            return "INFINITY" if number > 0 else "-INFINITY"
        text = repr(float(number))
        return f"{text}f" if "." in text or "e" in text else f"{text}.0f"

    def whole(self, place: str, dtype: torch.dtype) -> str:
        return f"({computed(dtype)})({place})"

    def chosen(self, condition: str, one: str, other: str) -> str:
        return f"({condition} ? {one} : {other})"

    def both(self, condition: str, other: str) -> str:
        return f"{condition} && {other}"

    def inside(self, place: str, size: Size) -> str:
        return f"inside({place}, {term(size)})"

    def number(self, size: Size) -> int:
        return number(size)

    def refused(self, message: str) -> NotNative:
        return NotNative(message)


def computed(dtype: torch.dtype) -> str:
    """The C++ type that an element is computed in."""
    if dtype.is_floating_point:
        return "float"
    return "bool" if dtype == torch.bool else "int64_t"
