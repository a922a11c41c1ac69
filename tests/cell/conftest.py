"""Fixtures of the ground floor's tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

from tests.peers.kms import Kms, kms
from tests.peers.softhsm import SoftHsm, softhsm
from tests.peers.transit import Transit, transit


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database as a serving process has it: what a test writes is committed and stays, under ids of its own."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()


@pytest.fixture(scope="session")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> SoftHsm:
    """One in the whole run: the module reads where its tokens are when it is loaded, and never again."""
    made = softhsm(tmp_path_factory.mktemp("hsm"))
    os.environ.update(made.environ)
    return made


@pytest.fixture(scope="session")
def aws() -> Iterator[Kms]:
    with kms() as running:
        yield running


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transit]:
    with transit(tmp_path_factory.mktemp("transit")) as running:
        yield running
