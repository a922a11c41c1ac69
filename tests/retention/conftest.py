"""Fixtures of the retention tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import LiteralString
from uuid import UUID

import psycopg
import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

from bailiwick.embedded.cluster import Cluster


@pytest.fixture
def owner(cluster: Cluster) -> Callable[..., None]:
    """Runs a statement as the databases' owner, as time or an intruder would."""

    def run(statement: LiteralString, *values: object) -> None:
        with psycopg.connect(cluster.url("bailiwick_owner")) as connection:
            connection.execute(statement, values)

    return run


@pytest.fixture
def age_payloads(owner: Callable[..., None]) -> Callable[..., None]:
    """Makes stored payloads older, as time would."""

    def by(days: float, *requests: UUID) -> None:
        owner(
            "update retention_payload set stored_at = stored_at - make_interval(secs => %s) where id = any(%s)",
            days * 86_400,
            list(requests),
        )

    return by


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database as a serving process has it: what a test writes is committed and stays, under ids of its own."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()
