"""Both object stores, so that one suite holds them to one contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from cell.objects import FileObjectStore, ObjectStore, open_store
from tests.peers.radosgw import RadosGw


@pytest.fixture
def file_store(tmp_path: Path) -> FileObjectStore:
    return FileObjectStore(tmp_path / "objects")


@pytest.fixture
def s3_store(radosgw: RadosGw) -> ObjectStore:
    return open_store(radosgw.bucket())


@pytest.fixture(params=["file_store", "s3_store"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    found: ObjectStore = request.getfixturevalue(request.param)
    return found
