"""What one input came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from inference.engine.library.errors import InferenceError


@dataclass(frozen=True, slots=True)
class InferenceResult:
    """`output` is what the module gives for this input, without the batch dimension; None where there is an `error`."""

    output: Any = None
    error: InferenceError | None = None
    cached: bool = False
    """Whether it came from the cache."""
    batch_size: int = 0
    """Inputs that the module was called with together; 0 where it was not called."""
    answered_by: Literal["module", "small", "large"] = "module"
    """Which model of a cascade answered."""

    def unwrap(self) -> Any:
        """The output. Raises the error where there is one."""
        if self.error is not None:
            raise self.error
        return self.output
