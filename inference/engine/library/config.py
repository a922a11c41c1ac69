"""How the engine runs a module: one frozen value, checked as a whole. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from inference.engine.library.errors import ConfigError

DTYPES = ("auto", "float32", "float16", "bfloat16")
ALIASES = {"fp32": "float32", "fp16": "float16", "half": "float16", "bf16": "bfloat16"}
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")
_LEAST = {
    "batch_size": 1,
    "max_batch_size": 1,
    "l1_cache_mb": 0,
    "l2_cache_mb": 0,
    "num_inference_threads": 1,
    "warmup_steps": 0,
}


@dataclass(frozen=True, slots=True)
class InferenceOptConfig:
    """Raises ConfigError, which lists every problem at once, each by its field."""

    batch_size: int = 1
    """Inputs that are worth a call of the module: an asynchronous engine with fewer waiting holds them for its window while it
    is busy; with as many or more it calls at once."""
    max_batch_size: int = 64
    """Most inputs of one call."""
    device: str = "auto"
    """`auto` (the first CUDA device, else the CPU), `cpu`, `cuda` or `cuda:N`."""
    dtype: str = "auto"
    """`auto` leaves the module as it is; `float32`, `float16`, `bfloat16` (or `fp32`, `fp16`, `bf16`) run a converted copy."""
    enable_cache: bool = True
    l1_cache_mb: int = 512
    """Answers kept on the device, in MiB."""
    l2_cache_mb: int = 2048
    """Answers kept in host memory, pinned where there is a CUDA device, in MiB."""
    enable_async: bool = False
    """`infer_stream` reads its inputs ahead in a thread of its own while the module computes."""
    num_inference_threads: int = 2
    """Threads of one operator on the step thread of an asynchronous engine."""
    enable_early_exit: bool = True
    """A cascade answers from its small model where that is confident; off, the large one answers everything."""
    confidence_threshold: float = 0.7
    """Least confidence, from 0 to 1, at which the small model's answer is given."""
    gradient_checkpointing: bool = False
    cpu_offload_modules: tuple[str, ...] = ()
    """Names of sub-modules (as `named_modules` gives them) whose weights live in host memory between calls."""
    enable_profiling: bool = False
    """An asynchronous engine measures every hundredth call by module."""
    warmup_steps: int = 10
    """Calls of each batch size that `warmup` makes."""

    def __post_init__(self) -> None:
        if isinstance(self.dtype, str):
            object.__setattr__(self, "dtype", ALIASES.get(self.dtype, self.dtype))
        names: object = self.cpu_offload_modules
        if isinstance(names, list):  # as JSON has it
            object.__setattr__(self, "cpu_offload_modules", tuple(names))
        problems = list(self._problems())
        if problems:
            raise ConfigError(problems)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> InferenceOptConfig:
        """From parsed JSON or YAML. Raises ConfigError, also for keys that are no field."""
        known = {field.name for field in fields(cls)}
        unknown = [
            f"{name} is not a field; known are {', '.join(sorted(known))}" for name in values if name not in known
        ]
        try:
            config = cls(**{name: value for name, value in values.items() if name in known})
        except ConfigError as error:
            raise ConfigError([*unknown, *error.problems]) from None
        if unknown:
            raise ConfigError(unknown)
        return config

    def _problems(self) -> Iterator[str]:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if type(value) is not int or value < least:
                yield f"{name} must be a whole number of at least {least}"
        if type(self.batch_size) is type(self.max_batch_size) is int and self.batch_size > self.max_batch_size:
            yield "batch_size must not be above max_batch_size"
        if not isinstance(self.device, str) or not _DEVICE.fullmatch(self.device):
            yield "device must be auto, cpu, cuda or cuda:N"
        if self.dtype not in DTYPES:
            yield f"dtype must be one of {', '.join(DTYPES)}, {', '.join(ALIASES)}"
        for field in fields(self):
            if field.type == "bool" and not isinstance(getattr(self, field.name), bool):
                yield f"{field.name} must be true or false"
        threshold = self.confidence_threshold
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
            yield "confidence_threshold must be a number from 0 to 1"
        names = self.cpu_offload_modules
        if not isinstance(names, tuple) or not all(isinstance(name, str) and name for name in names):
            yield "cpu_offload_modules must be a list of module names"
