"""Caches for tests, closed at their end, and values to keep in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from inference.engine import CacheManager

KIB = 1 / 1024


V = "version-1"


def value(seed: int, floats: int = 200) -> Tensor:
    return torch.randn(floats, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., CacheManager]]:
    caches = []

    def make(**options: Any) -> CacheManager:
        cache = CacheManager(**{"folder": tmp_path / "l3", "l3_mb": 8, **options})
        caches.append(cache)
        return cache

    yield make
    for cache in caches:
        cache.close()


def files(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "l3").rglob("*.*") if path.is_file())
