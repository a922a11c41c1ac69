from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from bailiwick.embedded.cluster import Cluster


@pytest.fixture
def committed(cluster: Cluster, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The databases without a transaction around the test: the sealer sees what the web role committed, as in production.

    Rows stay; every test works in workspaces of its own.
    """
    with django_db_blocker.unblock():
        yield
