"""A size that differs from call to call, and the sizes that are compiled for."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Axis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``Axis({"tokens": 0, "mask": 0}, sizes=(1, 4, 16))``: the first dimension of both, which is one size."""

    inputs: dict[str, int]
    """Of each input that has it, by name, the dimension."""
    sizes: tuple[int, ...]
    """Rising. A call of another size is padded to the next where the program allows that, or else takes the slow path."""

    most: int | None = None
    """The largest size there can be, where the module has a limit; calls beyond it are refused."""

    def __post_init__(self) -> None:
        if not self.inputs or not self.sizes:
            raise ValueError("an axis is a dimension of at least one input, and has at least one size")
        if list(self.sizes) != sorted(set(self.sizes)) or self.sizes[0] < 1:
            raise ValueError(f"sizes rise from at least 1, not {list(self.sizes)}")
        if self.most is not None and self.sizes[-1] > self.most:
            raise ValueError(f"{self.sizes[-1]} is more than {self.most}, the most there can be")


def dynamic(axes: Mapping[str, Axis]) -> dict[str, dict[int, str]]:
    """Of each input's dimension the symbol that its size is."""
    found: dict[str, dict[int, str]] = {}
    for name, axis in axes.items():
        for given, dim in axis.inputs.items():
            if found.setdefault(given, {}).setdefault(dim, name) != name:
                raise ValueError(f"dimension {dim} of {given} is two axes, {found[given][dim]} and {name}")
    return found
