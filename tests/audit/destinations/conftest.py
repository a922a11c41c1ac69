from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.certificates import Authority
from tests.peers.receiver import Receiver, running


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def receiver(authority: Authority, tmp_path: Path) -> Iterator[Receiver]:
    with running(Receiver(authority.server("localhost", "127.0.0.1"), tmp_path)) as found:
        yield found
