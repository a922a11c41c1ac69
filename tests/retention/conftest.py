"""Fixtures of the retention tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database as a serving process has it: what a test writes is committed and stays, under ids of its own."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()
