"""The engine: loads checkpoints, batches requests of many workspaces, streams tokens. Imports no Django.

As a library it serves any `torch.nn.Module`; the names below are loaded when they are first used, because the gateway stands on
`inference.engine.protocol` and must not load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference.engine.library.async_engine import AsyncInferenceEngine
    from inference.engine.library.batch import BatchInferenceEngine
    from inference.engine.library.cache import CacheManager
    from inference.engine.library.cache_stats import CacheReceipt, CacheStats
    from inference.engine.library.cascade import Cascade, CascadeStats, Example
    from inference.engine.library.config import InferenceOptConfig
    from inference.engine.library.errors import (
        CacheError,
        Closed,
        ConfigError,
        InferenceError,
        NonFiniteOutput,
        Overloaded,
        ServingError,
    )
    from inference.engine.library.memory import MemoryOptimizer, MemoryReport
    from inference.engine.library.padding import Padding
    from inference.engine.library.profiler import Bottleneck, LatencyProfiler, ProfileReport
    from inference.engine.library.result import InferenceResult
    from inference.engine.library.tagger import TaggedText, Tagger
    from inference.engine.thresholds import Adaptation

_HOMES = {
    "Adaptation": "cascade",
    "AsyncInferenceEngine": "async_engine",
    "BatchInferenceEngine": "batch",
    "Bottleneck": "profiler",
    "CacheError": "errors",
    "CacheManager": "cache",
    "CacheReceipt": "cache_stats",
    "CacheStats": "cache_stats",
    "Cascade": "cascade",
    "CascadeStats": "cascade",
    "Closed": "errors",
    "ConfigError": "errors",
    "Example": "cascade",
    "InferenceError": "errors",
    "InferenceOptConfig": "config",
    "InferenceResult": "result",
    "LatencyProfiler": "profiler",
    "MemoryOptimizer": "memory",
    "MemoryReport": "memory",
    "NonFiniteOutput": "errors",
    "Overloaded": "errors",
    "Padding": "padding",
    "ProfileReport": "profiler",
    "ServingError": "errors",
    "TaggedText": "tagger",
    "Tagger": "tagger",
}

__all__ = [
    "Adaptation",
    "AsyncInferenceEngine",
    "BatchInferenceEngine",
    "Bottleneck",
    "CacheError",
    "CacheManager",
    "CacheReceipt",
    "CacheStats",
    "Cascade",
    "CascadeStats",
    "Closed",
    "ConfigError",
    "Example",
    "InferenceError",
    "InferenceOptConfig",
    "InferenceResult",
    "LatencyProfiler",
    "MemoryOptimizer",
    "MemoryReport",
    "NonFiniteOutput",
    "Overloaded",
    "Padding",
    "ProfileReport",
    "ServingError",
    "TaggedText",
    "Tagger",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"inference.engine.library.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
