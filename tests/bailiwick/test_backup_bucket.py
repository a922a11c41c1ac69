"""A bucket as a place of backups: what is in it, what goes from it, and what an operator is told when it does not work."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from django.utils import timezone

from cell.config import load
from cell.ids import uuid7
from cell.objects import FileObjectStore
from retention.backups import catalogue
from retention.backups.errors import PlaceFailed, PlaceRefused
from retention.backups.manifest import KEYS, File
from retention.backups.places import open_place
from tests.bailiwick.backing_up import (
    Kept,
    back_up,
    bucket_place,
    command,
    databases,
    empty_cell,
    environ_of,
    python,
    run,
    whole,
)
from tests.factories import make_organization
from tests.peers import free_port
from tests.peers.proxy import Proxy, proxy
from tests.peers.radosgw import RadosGw
from tests.retention.conftest import committed
from tests.retention.requests import serve

__all__ = ["committed"]
pytestmark = [pytest.mark.usefixtures("committed"), pytest.mark.timeout(300)]
LARGE_BYTES = 40 << 20
"""Three parts of an upload."""


@pytest.fixture
def bucket(radosgw: RadosGw) -> Kept:
    return bucket_place(radosgw.bucket())


@pytest.fixture
def line(radosgw: RadosGw) -> Iterator[Proxy]:
    with proxy(radosgw.http_port) as running:
        yield running


def over(place: Kept, port: int) -> dict[str, str]:
    return {**place.settings, "BAILIWICK_BACKUPS_ENDPOINT": f"http://127.0.0.1:{port}"}


def test_nothing_in_the_bucket_can_be_read_and_its_names_say_nothing(cluster, bucket) -> None:
    environ = environ_of(cluster) | bucket.settings
    canary = b"canary-in-a-prompt"
    serve(make_organization().workspace, prompt=canary)
    FileObjectStore(cluster.folder / "objects").put("exports/0815", b"canary-in-an-object")
    point = back_up(environ, bucket)

    keys = list(bucket.store.keys(""))
    names = {key.removeprefix(bucket.key(point)) for key in keys}
    assert names == {"database", "keys", "ledger", "manifest", "objects"}
    for key in keys:
        content = bucket.store.get(key)
        assert b"canary" not in content
        assert b"PGDMP" not in content
        assert content.startswith((b"bailiwick-sealed-file/v1\n", b'{"manifest"'))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"BAILIWICK_BACKUPS_REGION": "eu-xx"}, "the bucket is in eu-de, BAILIWICK_BACKUPS_REGION is eu-xx"),
        ({"BAILIWICK_BACKUPS_LEGAL_AREA": "us"}, "is under the law of us, this region under that of eu"),
    ],
)
def test_a_bucket_has_to_be_in_the_legal_area_and_where_it_is_said_to_be(cluster, bucket, change, told) -> None:
    here = load(environ_of(cluster) | bucket.settings | change)
    with pytest.raises(PlaceRefused, match=told):
        open_place(str(bucket), region="eu-fr-1", config=here, make=True)
    assert bucket.store.region() is None


def test_a_bucket_has_to_keep_versions(cluster, radosgw) -> None:
    plain = bucket_place(radosgw.bucket(lock=False, versions=False))
    here = load(environ_of(cluster) | plain.settings)
    with pytest.raises(PlaceRefused, match="does not keep versions"):
        open_place(str(plain), region="eu-fr-1", config=here, make=True)


def test_the_cells_own_bucket_is_no_place(cluster, radosgw) -> None:
    own = radosgw.bucket()
    place = bucket_place(own)
    here = replace(load(environ_of(cluster) | place.settings), objects=own)
    with pytest.raises(PlaceRefused, match="the cell's own bucket"):
        open_place(str(place), region="eu-fr-1", config=here, make=True)


@pytest.mark.parametrize("address", ["s3://", "s3://B/x", "s3://bucket/Upper", "s3://bucket//x", "s3://bucket/../x"])
def test_an_address_is_well_formed(cluster, address) -> None:
    with pytest.raises(PlaceRefused, match="must be like s3://bucket"):
        open_place(address, region="eu-fr-1", config=load(environ_of(cluster)), make=True)


def test_a_bucket_needs_its_configuration(cluster) -> None:
    done = run(environ_of(cluster), "backup", "--to", "s3://bucket", "--region", "eu-fr-1")
    assert (done.returncode, "BAILIWICK_BACKUPS_REGION is not set" in done.stderr) == (1, True), done.stderr


def test_the_command_says_what_is_wrong_with_credentials_and_the_line(cluster, bucket, tmp_path, radosgw) -> None:
    environ = environ_of(cluster) | bucket.settings
    wrong = tmp_path / "credentials"
    wrong.touch(mode=0o600)
    wrong.write_text("[default]\naws_access_key_id = nobody\naws_secret_access_key = hunter2\n")
    for change, said in (
        ({"BAILIWICK_BACKUPS_CREDENTIALS_FILE": str(wrong)}, "BAILIWICK_BACKUPS_CREDENTIALS_FILE"),
        (over(bucket, free_port()), "BAILIWICK_BACKUPS_ENDPOINT can be reached"),
    ):
        done = run(environ | change, "backup", "--to", bucket, "--region", "eu-fr-1")
        assert (done.returncode, said in done.stderr) == (1, True), done.stderr
        assert f"bailiwick: {bucket}: " in done.stderr
        assert "hunter2" not in done.stderr
        with empty_cell(cluster, bucket) as new:
            put_back = run(new | change, "restore", "--from", bucket)
        assert (put_back.returncode, said in put_back.stderr) == (1, True), put_back.stderr


def test_a_full_bucket_holds_no_backup(cluster, radosgw) -> None:
    full = radosgw.bucket()
    place = bucket_place(full)
    environ = environ_of(cluster) | place.settings
    first = back_up(environ, place)
    radosgw.admin("quota", "set", "--quota-scope=bucket", f"--bucket={full.name}", "--max-size=1")
    radosgw.admin("quota", "enable", "--quota-scope=bucket", f"--bucket={full.name}")

    done = run(environ, "backup", "--to", place, "--region", "eu-fr-1")

    assert (done.returncode, "has no room left" in done.stderr) == (1, True), done.stderr
    listed = run(environ, "backup", "list", "--from", place).stdout.splitlines()
    assert [row.split()[0] for row in listed[1:-1]] == [first]


def test_a_backup_that_is_killed_while_it_uploads_is_none_and_its_parts_go(cluster, bucket, line, tmp_path) -> None:
    environ = environ_of(cluster) | bucket.settings
    objects = FileObjectStore(cluster.folder / "objects")
    with (tmp_path / "large").open("w+b") as large:
        large.truncate(LARGE_BYTES)
        objects.put("exports/4711", large)
    first = back_up(environ, bucket)
    line.lost_answers = [b"partNumber=2", b"partNumber=2", b"partNumber=2"]
    process = subprocess.Popen(
        command("backup", "--to", bucket, "--region", "eu-fr-1"), env=whole(environ | over(bucket, line.port))
    )
    deadline = time.monotonic() + 120
    while not list(bucket.store.uploads()):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    objects.delete_all_versions("exports/4711")

    [upload] = bucket.store.uploads()
    cut_off = upload.key.split("/")[-2]
    listed = run(environ, "backup", "list", "--from", bucket).stdout.splitlines()
    assert [row.split()[0] for row in listed[1:-1]] == [first]
    tomorrow = timezone.now() + timedelta(days=1, minutes=1)
    assert_pruned(environ, bucket, tomorrow)
    assert bucket.points == {first}
    assert list(bucket.store.uploads()) == []
    assert cut_off != first


PRUNE = """
import django, sys; django.setup()
from datetime import datetime
from cell.config import config
from retention.backups.places import open_place
from retention.backups.pruning import backup_prune
backup_prune(open_place(sys.argv[1], region=None, config=config()), now=datetime.fromisoformat(sys.argv[2]))
"""


def assert_pruned(environ, place: Kept, now) -> None:
    done = python(environ, PRUNE, str(place), now.isoformat())
    assert done.returncode == 0, done.stderr


def test_pruning_removes_what_somebody_hid(cluster, bucket) -> None:
    environ = environ_of(cluster) | bucket.settings
    point = back_up(environ, bucket)
    name = bucket.key(point, KEYS)
    bucket.store.put(name, b"another version of it")
    bucket.store.delete(name)

    assert_pruned(environ, bucket, timezone.now() + timedelta(days=7))

    assert bucket.store.versions(name) == []
    assert bucket.store.versions(bucket.key(point, "database")) != []


def test_what_cannot_be_removed_stays_in_the_catalogue(cluster, bucket) -> None:
    environ = environ_of(cluster) | bucket.settings
    point = back_up(environ, bucket)
    name = bucket.key(point, KEYS)
    held = bucket.store.versions(name)[-1].id
    bucket.store.hold(name, held, on=True)
    soon = environ | {"BAILIWICK_KEY_HORIZON_DAYS": "1"}
    owner, _ = databases(environ)
    with psycopg.connect(owner.conninfo) as connection:
        connection.execute("update retention_backup set begun_at = begun_at - interval '1 day' where id = %s", [point])

    done = run(soon, "backup", "prune", "--from", bucket)

    assert (done.returncode, "the version is held: a lock that outlives" in done.stderr) == (1, True), done.stderr
    assert catalogue.key_backups().oldest is not None
    bucket.store.hold(name, held, on=False)
    assert run(soon, "backup", "prune", "--from", bucket).returncode == 0
    assert bucket.store.versions(name) == []


def test_what_is_not_what_was_sealed_is_not_stored(cluster, bucket) -> None:
    here = load(environ_of(cluster) | bucket.settings)
    place = open_place(str(bucket), region="eu-fr-1", config=here, make=True)
    with pytest.raises(PlaceFailed):
        place.put(uuid7(), KEYS, b"content", File(7, "0" * 64))
    assert list(bucket.store.keys("")) == []
