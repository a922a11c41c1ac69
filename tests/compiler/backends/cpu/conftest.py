"""The kernels, compiled once for all tests of a run and for every instruction set that this machine runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.backends.cpu import isa
from compiler.backends.cpu.library import Library


@pytest.fixture(scope="session")
def kernels_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture(scope="session", params=[variant.name for variant in isa.runnable()])
def library(request: pytest.FixtureRequest, kernels_folder: Path) -> Iterator[Library]:
    """Two threads whatever the machine: with one nothing is divided."""
    made = Library(kernels_folder, threads=2, variant=isa.variant(request.param))
    yield made
    made.close()


@pytest.fixture(scope="session")
def best(kernels_folder: Path) -> Iterator[Library]:
    made = Library(kernels_folder, threads=2)
    yield made
    made.close()
