from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compiler.backends.triton.process import interpreting

Interpret = Callable[..., Any]


@pytest.fixture(scope="session")
def interpret() -> Iterator[Interpret]:
    """Calls a function of `interpreted` where Triton interprets."""
    with interpreting() as pool:
        yield lambda function, *args, **named: pool.submit(function, *args, **named).result()


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this session's tests keep kernels, and what they compile."""
    return tmp_path_factory.mktemp("kernels")
