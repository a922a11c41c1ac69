from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
import redis
from django.test import Client

from tests.factories import Organization, Person, make_member, make_organization
from workspaces.permissions import OrganizationRole


class Browser:
    """Goes to pages and sends forms as a browser does: with the page's own CSRF token."""

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.page: Any = None

    def get(self, path: str, **headers: str) -> Any:
        self.page = self.client.get(path, headers=headers)
        return self.page

    def send(self, path: str, **fields: Any) -> Any:
        """Posts `fields` with the CSRF token of the page that is open."""
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.page.content.decode())
        if token is not None:
            fields["csrfmiddlewaretoken"] = token[1]
        answer = self.client.post(path, fields)
        if answer.status_code != 302:
            self.page = answer
        return answer

    @property
    def text(self) -> str:
        return html.unescape(self.page.content.decode())

    def sign_in(self, person: Person, *, code: str | None = None) -> Any:
        self.get("/sign-in")
        self.send("/sign-in", email=person.email, password=person.password)
        self.get("/sign-in/code")
        return self.send("/sign-in/code", code=code or pyotp.TOTP(person.totp_secret).now())


@pytest.fixture
def browser(db: None) -> Browser:
    return Browser()


@pytest.fixture
def organization(db: None) -> Organization:
    return make_organization()


@pytest.fixture
def owner(organization: Organization) -> Person:
    return make_member(organization, OrganizationRole.OWNER)


@pytest.fixture
def signed_in(browser: Browser, owner: Person) -> Browser:
    """An owner's browser."""
    assert browser.sign_in(owner).status_code == 302
    return browser


@pytest.fixture(autouse=True)
def fresh_counters(cluster: Any) -> Iterator[None]:
    """All tests come from one address, and its attempts are counted together."""
    client = redis.Redis(unix_socket_path=str(cluster.redis_socket))
    client.flushdb()
    yield
    client.close()
