"""One real cluster for the whole run: PostgreSQL with production's roles and databases, and Redis, in a folder of their own.

Nothing is started until a test asks for the database. Tests run as the web role, which cannot TRUNCATE: the `db` fixture
rolls back, and a test that must commit makes its own organization and leaves it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import django
import pytest
from hypothesis import HealthCheck, settings

from bailiwick.embedded.cluster import Cluster

if TYPE_CHECKING:
    from tests.peers.radosgw import RadosGw

# A busy machine is slow at drawing examples, too; that says nothing of what is tested.
settings.register_profile("bailiwick", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bailiwick")

# /tmp and not pytest's folder: a Unix socket's path is limited to 107 bytes, and PostgreSQL's account must reach it.
_folder = Path(tempfile.mkdtemp(prefix="bw-"))
_cluster = Cluster(_folder)
_cluster.write_files()
os.environ.update(_cluster.environ())
os.environ["DJANGO_SETTINGS_MODULE"] = "bailiwick.settings"
# Here and not by pytest-django, which is asked before the environment is: test modules import models while they are collected.
django.setup()


def pytest_unconfigure() -> None:
    _cluster.stop()
    shutil.rmtree(_folder)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    _cluster.start()
    yield _cluster


@pytest.fixture(scope="session")
def django_db_setup(cluster: Cluster) -> None:
    """The databases are migrated by their owner, as in production, not by the test runner."""


@pytest.fixture(scope="session")
def radosgw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadosGw]:
    """Ceph's S3 server; buckets are made by whoever needs one."""
    from tests.peers import radosgw as peer  # here: it loads boto3, a tenth of a second that few tests need

    with peer.radosgw(tmp_path_factory.mktemp("radosgw")) as running:
        yield running
