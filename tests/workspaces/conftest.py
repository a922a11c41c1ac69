from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tests.factories import Organization, make_organization


class Api:
    """Calls the management API with a key, as a program does."""

    def __init__(self, token: str | None, **meta: str) -> None:
        self.token, self.meta, self.client = token, meta, Client()

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        if self.token is not None:
            headers = {"Authorization": f"Bearer {self.token}"} | headers
        data = "" if body is None else json.dumps(body)
        return self.client.generic(
            method, f"/api/{path}", data=data, content_type="application/json", headers=headers, **self.meta
        )


@pytest.fixture
def organization(db: None) -> Organization:
    return make_organization()


@pytest.fixture
def stranger(db: None) -> Organization:
    """Another organization of the same cell."""
    return make_organization()


@pytest.fixture
def api(organization: Organization) -> Api:
    """The API with the organization's management key."""
    return Api(organization.admin_key)
