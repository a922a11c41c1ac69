from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.backends.cpu.library import Library


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this session's tests keep what they compile."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="session")
def library(compiled: Path) -> Iterator[Library]:
    made = Library(compiled, threads=2)
    yield made
    made.close()
