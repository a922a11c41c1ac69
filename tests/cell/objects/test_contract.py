from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from cell.objects import ObjectDamaged, ObjectExists, ObjectLocked, ObjectNotFound, ObjectStore

LARGE = os.urandom(1 << 20) * 17
"""Two parts of an upload."""


def _soon(seconds: float = 2.0) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)


def test_a_new_version_does_not_replace_the_old_one(store: ObjectStore) -> None:
    first = store.put("exports/one", b"first")
    second = store.put("exports/one", io.BytesIO(b"second!"))
    assert store.get("exports/one") == b"second!"
    assert store.get("exports/one", first.id) == b"first"
    assert [version.id for version in store.versions("exports/one")] == [first.id, second.id]
    assert [version.size for version in store.versions("exports/one")] == [5, 7]


def test_deleting_hides_and_removing_versions_removes(store: ObjectStore) -> None:
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


def test_removing_the_marker_brings_the_object_back(store: ObjectStore) -> None:
    store.put("key", b"content")
    store.delete_version("key", store.delete("key").id)
    assert store.get("key") == b"content"
    with pytest.raises(ObjectNotFound):
        store.delete_version("key", "0" * 32)


def test_versions_and_markers_are_told_in_the_order_in_which_they_were_made(store: ObjectStore) -> None:
    made = [store.put("key", b"1"), store.delete("key"), store.put("key", b"2"), store.put("key", b"3")]
    made += [store.delete("key"), store.put("key", b"4")]

    assert [version.id for version in store.versions("key")] == [version.id for version in made]
    assert [version.is_marker for version in store.versions("key")] == [version.is_marker for version in made]
    assert abs(store.versions("key")[0].modified - datetime.now(UTC)) < timedelta(minutes=1)


def test_what_is_hidden_is_not_hidden_again(store: ObjectStore) -> None:
    store.put("key", b"1")
    marker = store.delete("key")
    assert store.delete("key").id == marker.id
    lone = store.delete("nothing")
    assert [version.id for version in store.versions("nothing")] == [lone.id]


def test_what_is_not_there_is_not_found(store: ObjectStore) -> None:
    for ask in (store.get, store.open):
        with pytest.raises(ObjectNotFound):
            ask("nothing")
    assert store.versions("nothing") == []
    store.put("key", b"")
    marker = store.delete("key")
    with pytest.raises(ObjectNotFound):
        store.get("key", marker.id)
    changes: list[Callable[[], object]] = [
        lambda: store.delete_version("nothing", marker.id),
        lambda: store.lock("key", "0" * 32, _soon()),
        lambda: store.hold("key", "0" * 32, on=True),
    ]
    for change in changes:
        with pytest.raises(ObjectNotFound):
            change()


def test_an_object_of_any_size_comes_back_as_it_went(store: ObjectStore) -> None:
    for content in (b"", b"x", LARGE):
        stored = store.put("key", io.BytesIO(content), sha256=hashlib.sha256(content).hexdigest())
        assert stored.size == len(content)
        with store.open("key") as file:
            assert hashlib.file_digest(file, "sha256").digest() == hashlib.sha256(content).digest()
    assert not list(store.uploads())


def test_a_file_is_taken_from_where_it_stands(store: ObjectStore) -> None:
    file = io.BytesIO(b"head and body")
    file.seek(9)
    store.put("key", file)
    assert store.get("key") == b"body"


def test_a_put_of_other_bytes_than_announced_stores_nothing(store: ObjectStore) -> None:
    with pytest.raises(ObjectDamaged):
        store.put("key", b"altered", sha256=hashlib.sha256(b"meant").hexdigest())
    assert store.versions("key") == []
    assert not list(store.uploads())


def test_an_object_is_put_new_once(store: ObjectStore) -> None:
    first = store.put_new("key", b"first")
    with pytest.raises(ObjectExists):
        store.put_new("key", b"second")
    assert [version.id for version in store.versions("key")] == [first.id]
    store.delete("key")
    store.put_new("key", b"third")
    assert store.get("key") == b"third"


def test_of_many_that_put_the_same_key_new_one_succeeds(store: ObjectStore) -> None:
    outcomes: list[str] = []

    def write(number: int) -> None:
        try:
            store.put_new("key", f"{number}".encode())
            outcomes.append(f"{number}")
        except ObjectExists:
            outcomes.append("exists")

    _at_once(write, 8)
    assert sorted(outcomes)[1:] == ["exists"] * 7
    assert store.get("key").decode() in outcomes
    assert len(store.versions("key")) == 1


def test_keys_are_listed_by_prefix(store: ObjectStore) -> None:
    for key in ("exports/b", "exports/a", "exports/a/part", "other"):
        store.put(key, b"")
    store.put("gone", b"")
    store.delete_all_versions("gone")
    store.claim("eu-de-1")
    assert list(store.keys("exports/")) == ["exports/a", "exports/a/part", "exports/b"]
    assert list(store.keys()) == ["exports/a", "exports/a/part", "exports/b", "other"]
    assert [version.key for history in store.histories("exports/a") for version in history] == [
        "exports/a",
        "exports/a/part",
    ]


def test_a_key_that_begins_another_is_erased_alone(store: ObjectStore) -> None:
    for key in ("a", "a.b", "a/b", "ab"):
        store.put(key, b"1")
        store.put(key, b"2")
    assert [version.key for version in store.versions("a")] == ["a", "a"]
    assert store.delete_all_versions("a") == 2
    assert list(store.keys()) == ["a.b", "a/b", "ab"]


def test_keys_that_are_no_opaque_ids_are_refused(store: ObjectStore) -> None:
    asks: list[Callable[[str], object]] = [
        lambda key: store.put(key, b""),
        lambda key: store.put_new(key, b""),
        store.get,
        store.versions,
        store.delete,
        lambda key: store.delete_version(key, "0" * 32),
        store.delete_all_versions,
    ]
    for key in ("", "/a", "a/", "../a", "a/../b", ".hidden", "A", "a b", "a\0", "ä", "a" * 401):
        for ask in asks:
            with pytest.raises(ValueError, match="key"):
                ask(key)


def test_a_version_cannot_lead_out_of_the_store(store: ObjectStore) -> None:
    store.put("key", b"")
    for version in ("", "..", "../../region", "0" * 31, "0" * 5000, "\n", "ä"):
        for ask in (store.get, store.delete_version):
            with pytest.raises(ObjectNotFound):
                ask("key", version)


def test_versions_of_many_writers_all_stay(store: ObjectStore) -> None:
    def write(number: int) -> None:
        for part in range(10):
            store.put("key", f"{number}-{part}".encode())

    _at_once(write, 4)
    contents = [store.get("key", version.id).decode() for version in store.versions("key")]
    assert sorted(contents) == sorted(f"{number}-{part}" for number in range(4) for part in range(10))
    for number in range(4):  # what one writer wrote has its order
        assert [text for text in contents if text.startswith(f"{number}-")] == [
            f"{number}-{part}" for part in range(10)
        ]


def test_a_locked_version_cannot_be_removed_before_its_time(store: ObjectStore) -> None:
    store.put("key", b"free")
    until = _soon()
    locked = store.put("key", b"evidence", locked_until=until)
    with pytest.raises(ObjectLocked):
        store.delete_version("key", locked.id)
    with pytest.raises(ObjectLocked):
        store.delete_all_versions("key")
    assert [version.id for version in store.versions("key")] == [locked.id]
    with pytest.raises(ObjectLocked):
        store.lock("key", locked.id, until - timedelta(seconds=1))
    store.lock("key", locked.id, until + timedelta(seconds=1))

    with pytest.raises(ObjectLocked):
        store.delete_version("key", locked.id)
    time.sleep((until - datetime.now(UTC)).total_seconds() + 1.2)
    assert store.delete_all_versions("key") == 1


def test_a_version_on_hold_stays_until_it_is_let_go(store: ObjectStore) -> None:
    held = store.put("key", b"evidence")
    store.hold("key", held.id, on=True)
    store.delete("key")
    with pytest.raises(ObjectLocked):
        store.delete_all_versions("key")
    assert store.get("key", held.id) == b"evidence"
    store.hold("key", held.id, on=False)
    assert store.delete_all_versions("key") == 1


def test_the_first_claim_of_a_store_stands(store: ObjectStore) -> None:
    assert store.region() is None
    _at_once(lambda number: store.claim(["eu-de-1", "us-va-1"][number]), 2)
    first = store.region()
    assert first in ("eu-de-1", "us-va-1")
    store.claim("uk-lon-1")
    assert store.region() == first
    assert not list(store.uploads())


def _at_once(write: Callable[[int], object], writers: int) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            write(number)
        except BaseException as error:  # noqa: BLE001  # shown below, by the thread that pytest watches
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
