from __future__ import annotations

from datetime import timedelta

import pytest

from cell.objects import FileObjectStore, ObjectStore, Swept, open_store, sweep
from cell.tasks import sweep_objects
from tests.peers.radosgw import RadosGw

NOW = timedelta()


def test_lone_markers_go_and_those_that_hide_something_stay(store: ObjectStore) -> None:
    hidden = store.put("hidden", b"1")
    store.delete("hidden")
    store.put("live", b"2")
    store.put("gone", b"3")
    store.delete("gone")
    store.delete_version("gone", store.versions("gone")[0].id)

    assert sweep(store, older_than=timedelta(days=1), within_s=60) == Swept(0, 0, finished=True)
    assert list(store.keys()) == ["gone", "hidden", "live"]
    assert sweep(store, older_than=timedelta(seconds=-60), within_s=60) == Swept(0, 1, finished=True)
    assert list(store.keys()) == ["hidden", "live"]
    assert store.get("hidden", hidden.id) == b"1"


def test_abandoned_uploads_go_when_they_are_old(radosgw: RadosGw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cell.objects.s3_store.PAGE", 2)
    bucket = radosgw.bucket()
    store = open_store(bucket)
    for number in range(5):
        upload = radosgw.client.create_multipart_upload(Bucket=bucket.name, Key=f"key/{number}")["UploadId"]
        radosgw.client.upload_part(Bucket=bucket.name, Key=f"key/{number}", UploadId=upload, PartNumber=1, Body=b"half")

    assert [upload.key for upload in store.uploads()] == [f"key/{number}" for number in range(5)]
    assert sweep(store, older_than=timedelta(days=1), within_s=60) == Swept(0, 0, finished=True)
    assert sweep(store, older_than=timedelta(seconds=-60), within_s=60) == Swept(5, 0, finished=True)
    assert list(store.uploads()) == []


def test_a_sweep_without_time_goes_on_the_next_time(file_store: FileObjectStore) -> None:
    for key in ("a", "b"):
        file_store.delete(key)
    first = sweep(file_store, older_than=timedelta(seconds=-60), within_s=-1)
    second = sweep(file_store, older_than=timedelta(seconds=-60), within_s=60)
    assert (first, second) == (Swept(0, 1, finished=False), Swept(0, 1, finished=True))


def test_the_cells_own_store_is_swept_by_a_task() -> None:
    sweep_objects()
