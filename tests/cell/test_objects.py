from __future__ import annotations

import io
import subprocess
import sys
import threading

import pytest

from cell.objects import FileObjectStore, ObjectNotFound


@pytest.fixture
def store(tmp_path):
    return FileObjectStore(tmp_path / "objects")


def test_a_new_version_does_not_replace_the_old_one(store):
    first = store.put("exports/one", b"first")
    second = store.put("exports/one", io.BytesIO(b"second!"))
    assert store.get("exports/one") == b"second!"
    assert store.get("exports/one", first.id) == b"first"
    assert [version.id for version in store.versions("exports/one")] == [first.id, second.id]
    assert [version.size for version in store.versions("exports/one")] == [5, 7]


def test_deleting_hides_and_removing_versions_removes(store):
    first = store.put("key", b"personal")
    marker = store.delete("key")
    assert marker.is_marker
    with pytest.raises(ObjectNotFound):
        store.get("key")
    assert store.get("key", first.id) == b"personal"
    assert store.delete_all_versions("key") == 2
    assert store.versions("key") == []
    with pytest.raises(ObjectNotFound):
        store.get("key", first.id)
    assert store.delete_all_versions("key") == 0


def test_removing_the_marker_brings_the_object_back(store):
    store.put("key", b"content")
    store.delete_version("key", store.delete("key").id)
    assert store.get("key") == b"content"
    with pytest.raises(ObjectNotFound):
        store.delete_version("key", "0" * 32)


def test_a_removed_object_leaves_no_bytes_behind(store):
    store.put("key", b"CANARY-7261")
    store.put("key", b"CANARY-7261 again")
    store.delete_all_versions("key")
    assert not [path for path in store.root.rglob("*") if path.is_file() and b"CANARY" in path.read_bytes()]


def test_keys_are_listed_by_prefix(store):
    for key in ("exports/b", "exports/a", "exports/a/part", "other"):
        store.put(key, b"")
    store.put("gone", b"")
    store.delete_all_versions("gone")
    assert list(store.keys("exports/")) == ["exports/a", "exports/a/part", "exports/b"]
    assert list(store.keys()) == ["exports/a", "exports/a/part", "exports/b", "other"]


@pytest.mark.parametrize("key", ["", "/a", "a/", "../a", "a/../b", ".hidden", "A", "a b", "a\0", "ä", "a" * 401])
def test_keys_that_are_no_opaque_ids_are_refused(store, key):
    with pytest.raises(ValueError, match="key"):
        store.put(key, b"")


@pytest.mark.parametrize("version", ["", "..", "../../region", "0" * 31])
def test_a_version_cannot_lead_out_of_the_store(store, version):
    store.put("key", b"")
    with pytest.raises(ObjectNotFound):
        store.get("key", version)


def test_versions_of_many_writers_all_stay(store):
    def write(number):
        for part in range(20):
            store.put("key", f"{number}-{part}".encode())

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    contents = {store.get("key", version.id) for version in store.versions("key")}
    assert contents == {f"{number}-{part}".encode() for number in range(4) for part in range(20)}


def test_the_first_claim_of_a_store_stands(store):
    assert store.region() is None
    store.claim("eu-de-1")
    store.claim("us-va-1")
    assert store.region() == "eu-de-1"


def test_a_full_disk_leaves_nothing_and_says_so(tmp_path):
    program = """
import resource, signal, sys
from pathlib import Path
from cell.objects import FileObjectStore, StoreFull
import errno, os
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = FileObjectStore(Path(sys.argv[1]))
store.put("small", b"kept")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    store.put("large", b"x" * 100_000)
except (StoreFull, OSError) as error:
    print(type(error).__name__)
print(store.versions("large"), store.get("small"))
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "StoreFull\n[] b'kept'\n"
