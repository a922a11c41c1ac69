from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from audit.destinations import BucketDestination, Evidence
from audit.destinations.errors import Unacknowledged
from audit.formats import Format
from cell.objects import FileObjectStore
from tests.audit.destinations.batches import batch


def test_a_batch_is_delivered_when_it_was_read_back(tmp_path: Path) -> None:
    store = FileObjectStore(tmp_path)

    receipt = BucketDestination(store, "bailiwick/").send(batch())

    content = store.get("bailiwick/ocsf/batch-00000001.ndjson")
    assert content == batch().content
    assert (receipt.evidence, receipt.sha256) == (Evidence.READ_BACK, sha256(content).hexdigest())


def test_what_is_sent_again_is_there_once(tmp_path: Path) -> None:
    store = FileObjectStore(tmp_path)
    bucket = BucketDestination(store)

    assert bucket.send(batch(Format.CEF)) == bucket.send(batch(Format.CEF))
    keys = list(store.keys(""))
    assert keys == ["cef/batch-00000001.log"]
    assert [len(store.versions(key)) for key in keys] == [1]


def test_what_lies_there_and_is_something_else_is_put_right(tmp_path: Path) -> None:
    store = FileObjectStore(tmp_path)
    bucket = BucketDestination(store)
    store.put(bucket.key(batch()), b"half of i")

    bucket.send(batch())

    assert store.get(bucket.key(batch())) == batch().content


def test_a_store_that_keeps_something_else_is_not_believed(tmp_path: Path) -> None:
    class Lossy(FileObjectStore):
        def get(self, key: str, version: str | None = None) -> bytes:
            return super().get(key, version)[:-1]

    with pytest.raises(Unacknowledged):
        BucketDestination(Lossy(tmp_path)).send(batch())
