"""C++ names of types, and of the places where values lie while a step runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch

from compiler.ir.size import Size, bound
from compiler.ir.value import Value

C_TYPES = {
    torch.float32: "float",
    torch.bfloat16: "bf16",
    torch.int64: "int64_t",
    torch.int32: "int32_t",
    torch.int8: "int8_t",
    torch.bool: "bool",
}
"""Types that lie in memory; what is computed between is float, int64_t or bool."""


class NotNative(ValueError):
    """The program has something that no generated code is for; the reference computes it. The message says what."""


def name_of(value: Value) -> str:
    """The operator, by the name that people know it by."""
    return str(value.attributes.get("target", value.op))


def c_type(value: Value) -> str:
    if value.dtype not in C_TYPES:
        raise NotNative(f"{name_of(value)} gives {value.dtype}, which generated code does not compute with")
    return C_TYPES[value.dtype]


def number(size: Size) -> int:
    """Raises NotNative for a size with symbols, where a kernel is made for one size."""
    if not isinstance(size, int):
        raise NotNative(f"a kernel needs to know a size that is only known as {size}")
    return size


@dataclass
class Storage:
    """Where each value lies, or will: a C++ expression of a pointer to its type."""

    limits: Mapping[str, int] = field(default_factory=dict)
    """The largest size that each symbol stands for."""
    pointers: dict[Value, str] = field(default_factory=dict)
    """Of what can be read."""
    targets: dict[Value, str] = field(default_factory=dict)
    """Of what launches have to leave for others."""
    scratch_bytes: int = 0
    """The most that one launch needs for itself."""
    _used: int = 0

    def __contains__(self, value: Value) -> bool:
        return value in self.pointers

    def pointer(self, value: Value) -> str:
        return self.pointers[value]

    def finish(self, values: Iterable[Value]) -> None:
        """From here on these can be read where they were put."""
        for value in values:
            if value in self.targets:
                self.pointers[value] = self.targets[value]

    def begin_launch(self) -> None:
        """What launches before this one had for themselves is free again."""
        self._used = 0

    def scratch(self, kind: str, elements: Size, size: int) -> str:
        """A pointer to memory of this launch, of `elements` times `size` bytes, all threads' together."""
        at = self._used
        self._used += -(-number(bound(elements, self.limits)) * size // 64) * 64
        self.scratch_bytes = max(self.scratch_bytes, self._used)
        return f"(({kind}*)(step.scratch + {at}))"
