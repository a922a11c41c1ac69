from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.audit.verifier.second import SecondVerifier


@pytest.fixture(scope="session")
def second() -> Iterator[SecondVerifier]:
    with SecondVerifier() as verifier:
        yield verifier
