"""What a tuner may turn: knobs with finitely many values, each value known by its place."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

Value = bool | int | str
Candidate = Mapping[str, Value]
"""A value for each knob, by the knob's name."""


class Knob(ABC):
    """Finitely many values in an order that never changes.

    `ordered` says that places near each other are values that behave alike, so that a model may interpolate.
    """

    ordered: ClassVar[bool]
    default: Value

    @property
    @abstractmethod
    def values(self) -> Sequence[Value]:
        """Every value, in order."""

    def __len__(self) -> int:
        return len(self.values)

    def encode(self, value: Value) -> int:
        """The place of `value`, from 0. Raises ValueError for a value that this knob has not."""
        for place in self._places(value):
            # 1 == True in Python; for a knob they are different values.
            if type(self.values[place]) is type(value):
                return place
        raise ValueError(f"{value!r} is none of this knob's values: {self}")

    def decode(self, place: int) -> Value:
        """The value at `place`. Raises ValueError outside 0 … len − 1."""
        if not 0 <= place < len(self):
            raise ValueError(f"place {place} is none of this knob's {len(self)}: {self}")
        return self.values[place]

    def random(self, rng: random.Random) -> Value:
        return self.values[rng.randrange(len(self))]

    def neighbours(self, value: Value) -> list[Value]:
        """One step up and down where the values are ordered; every other value where they are not."""
        place = self.encode(value)
        if self.ordered:
            return [self.values[near] for near in (place - 1, place + 1) if 0 <= near < len(self)]
        return [other for index, other in enumerate(self.values) if index != place]

    def describe(self) -> list[object]:
        """What the fingerprint of a space is made of: all that decides which values there are. The default is not."""
        return [type(self).__name__, *self.values]

    def __repr__(self) -> str:
        shown = [repr(value) for value in self.values[:8]] + ["…"] * (len(self) > 8)
        return f"{type(self).__name__}({', '.join(shown)})"

    def _places(self, value: Value) -> Sequence[int]:
        return [place for place, own in enumerate(self.values) if own == value]


class Range(Knob):
    """Whole numbers from `low` to `high`, both included, in steps."""

    ordered = True

    def __init__(self, low: int, high: int, *, step: int = 1, default: int | None = None) -> None:
        if step < 1 or high < low:
            raise ValueError(f"a range needs low <= high and step >= 1, not {low}, {high}, {step}")
        self._values = range(low, high + 1, step)
        self.default = low if default is None else default
        self.encode(self.default)

    @property
    def values(self) -> range:
        return self._values

    def describe(self) -> list[object]:
        return ["Range", self._values.start, self._values[-1], self._values.step]

    def _places(self, value: Value) -> Sequence[int]:
        return [self._values.index(value)] if isinstance(value, int) and value in self._values else []


class PowerOfTwo(Knob):
    """Powers of two from `low` to `high`, both powers of two and both included."""

    ordered = True

    def __init__(self, low: int, high: int, *, default: int | None = None) -> None:
        if low < 1 or high < low or low & (low - 1) or high & (high - 1):
            raise ValueError(f"ends must be powers of two with low <= high, not {low} and {high}")
        self._values = tuple(1 << n for n in range(low.bit_length() - 1, high.bit_length()))
        self.default = low if default is None else default
        self.encode(self.default)

    @property
    def values(self) -> tuple[int, ...]:
        return self._values


class Choice(Knob):
    """Values without an order, the first being the default unless another is named."""

    ordered = False

    def __init__(self, *values: Value, default: Value | None = None) -> None:
        if not values or any(not isinstance(value, bool | int | str) for value in values):
            raise ValueError(f"a choice needs values that are whole numbers, texts or booleans, not {values!r}")
        if len({(type(value), value) for value in values}) < len(values):
            raise ValueError(f"a choice names each value once, not {values!r}")
        self._values = values
        self.default = values[0] if default is None else default
        self.encode(self.default)

    @property
    def values(self) -> tuple[Value, ...]:
        return self._values


class Switch(Choice):
    """On or off."""

    def __init__(self, *, default: bool = False) -> None:
        super().__init__(False, True, default=default)
