from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

# pytest reads this file before Django is set up when a run names this folder: what needs Django is imported in fixtures.
if TYPE_CHECKING:
    from tests.factories import Organization
    from tests.inference.gateway.log import Log
    from tests.inference.gateway.serving import Served


@pytest.fixture(scope="module")
def organization(django_db_setup: None, django_db_blocker: Any) -> Organization:
    from tests.factories import make_organization

    with django_db_blocker.unblock():
        return make_organization()


@pytest.fixture(scope="module")
def served(organization: Organization) -> Iterator[Served]:
    from tests.inference.gateway.serving import serving

    with serving() as running:
        yield running


@pytest.fixture
def client(served: Served, organization: Organization) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {organization.api_key}"}
    with httpx.Client(base_url=served.url, headers=headers, timeout=20) as client:
        yield client


@pytest.fixture
def log(cluster: Any) -> Iterator[Log]:
    from tests.inference.gateway.log import Log

    with Log() as reading:
        yield reading
