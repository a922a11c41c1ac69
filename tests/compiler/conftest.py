from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from torch import nn

import compiler
from compiler import Artifact, Axis
from compiler.artifact.signature import ed25519_signer


@pytest.fixture
def benchmark_clock() -> Callable[[], float]:
    """Seconds that this process has computed: what others do on the machine counts for nothing."""
    return time.process_time


@dataclass(frozen=True)
class Made:
    module: nn.Module
    artifact: Artifact
    path: Path
    """Where it was saved, signed by `key`."""
    key: Ed25519PrivateKey

    def rows(self, count: int) -> torch.Tensor:
        return torch.randn(count, 16, generator=torch.Generator().manual_seed(count))


@pytest.fixture(scope="session")
def perceptron(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Compiled for two sizes of batch."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(16, 80), nn.GELU(), nn.Linear(80, 16), nn.LayerNorm(16)).requires_grad_(False)
    axes = {"B": Axis({"input": 0}, sizes=(2, 4))}
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    artifact = compiler.compile(module, (torch.randn(3, 16),), buckets=axes, threads=2)
    path = artifact.save(tmp_path_factory.mktemp("artifacts"), sign=ed25519_signer(key))
    return Made(module, artifact, path, key)
