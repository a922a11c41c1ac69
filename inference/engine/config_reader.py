"""Typed reading of a checkpoint's JSON files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.engine.errors import CheckpointError

MAX_DIMENSION = 1 << 24
"""No real size in a config is larger; a larger one is a mistake or an attack on memory."""


class ConfigReader:
    """Typed access to a JSON object; every complaint names the file and the key."""

    def __init__(self, values: Mapping[str, Any], file: str) -> None:
        self._values = values
        self._file = file

    def get(self, key: str, default: Any = None) -> Any:
        value = self._values.get(key)
        return default if value is None else value

    def has(self, key: str) -> bool:
        return key in self._values

    def size(self, key: str, default: int | None = None) -> int:
        value = self.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_DIMENSION:
            raise self.error(key, f"must be a whole number from 1 to {MAX_DIMENSION}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        value = self.get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.error(key, "must be a number")
        return float(value)

    def optional_number(self, key: str) -> float | None:
        return None if self.get(key) is None else self.number(key)

    def flag(self, key: str, default: bool) -> bool:
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, "must be true or false")
        return value

    def error(self, key: str, problem: str) -> CheckpointError:
        return CheckpointError(f"{self._file}: {key!r} {problem}; fetch the checkpoint again or correct the file")
