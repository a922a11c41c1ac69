"""What a destroyed key leaves in the files of its store's server, and that it is gone when the tables were written anew."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from bailiwick.embedded import postgres as pg
from bailiwick.embedded.cluster import Cluster
from cell.config import config, load
from cell.ids import uuid7
from cell.keys import cell_keys
from cell.keystore import custody, rewriting
from cell.keystore.models import DataKey
from cell.keystore.rewriting import RewriteUnfinished, last_rewrite, rewrite
from cell.keystore.rotation import rotate_workspace_key
from cell.tasks import rewrite_keys
from tests.cell.keystore.test_keys import make_keys

pytestmark = pytest.mark.usefixtures("committed")
_FILL = """
insert into keystore_data_key (id, workspace_id, epoch_id, wrapped, created_at)
select gen_random_uuid(), workspace_id, id, decode(repeat(md5(n::text), 4), 'hex'), now()
from keystore_epoch_key, generate_series(1, %s) n where workspace_id = %s
"""


@pytest.fixture
def store():
    return config().keystore_database


@pytest.fixture
def superuser(cluster) -> Iterator[psycopg.Connection]:
    with psycopg.connect(cluster.url(pg.SUPERUSER, pg.KEYSTORE_DATABASE), autocommit=True) as connection:
        yield connection


def wrapped_of(table: str, column: str, workspace: UUID) -> list[bytes]:
    with psycopg.connect(config().keystore_database.conninfo) as connection:
        rows = connection.execute(f"select {column} from {table} where workspace_id = %s", [workspace]).fetchall()
    return [bytes(row[0]) for row in rows]


def holding(data: Path, needles: list[bytes]) -> set[bytes]:
    """Which of `needles` are in a file of the server, after it has written all it has."""
    found: set[bytes] = set()
    for path in data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found |= {needle for needle in needles if needle in content}
    return found


def test_a_destroyed_key_is_in_the_files_until_the_tables_are_written_anew(cluster, store, superuser) -> None:
    workspace, kept = uuid7(), uuid7()
    erased, ended, expired = uuid7(), uuid7(), uuid7()
    make_keys(workspace, erased, expired, kept)
    make_keys(ended, uuid7())
    tables = ("keystore_data_key", "keystore_epoch_key", "keystore_workspace_key")
    before = [key for table in tables for home in (workspace, ended) for key in wrapped_of(table, "wrapped", home)]
    custody.erase_data_keys(workspace, [erased])
    custody.expire_data_keys(workspace, [expired])
    custody.destroy_workspace_key(ended)
    rotate_workspace_key(cell_keys(), workspace, None)
    now = [key for table in tables for key in wrapped_of(table, "coalesce(wrapped, '')", workspace) if key]
    gone = [key for key in before if key not in now]
    assert (
        len(gone) == 7
    )  # two data keys, a workspace's three, and what a rotation replaced: an epoch's and a workspace's
    superuser.execute("checkpoint")
    assert holding(cluster.postgres.data, gone) == set(gone)
    custody.open_data_key(workspace, kept)

    done = rewrite(store)

    superuser.execute("checkpoint")
    assert holding(cluster.postgres.data, gone) == set()
    assert holding(cluster.postgres.data, now) == set(now), "the search finds what there is"
    custody.open_data_key(workspace, kept)
    assert last_rewrite(config().keystore_auditor_database) == done.began_at


def test_no_key_is_sampled_for_the_planner(store, superuser) -> None:
    workspace = uuid7()
    make_keys(workspace, *(uuid7() for _ in range(50)))
    superuser.execute("analyze")
    sampled = superuser.execute(
        "select distinct attname from pg_stats where tablename like 'keystore%' and attname in ('wrapped', 'sealed')"
    ).fetchall()
    assert sampled == []


def test_whoever_still_sees_the_old_rows_keeps_them(store) -> None:
    workspace, request = uuid7(), uuid7()
    make_keys(workspace, request)
    before = last_rewrite(store)
    with psycopg.connect(store.conninfo) as old:
        old.execute("set transaction isolation level repeatable read")
        old.execute("select 1 from keystore_identity")
        custody.erase_data_keys(workspace, [request])
        with pytest.raises(RewriteUnfinished, match="an old transaction may still see"):
            rewrite(store)
        assert old.execute("select wrapped is null from keystore_data_key where id = %s", [request]).fetchone() == (
            False,
        )
    assert last_rewrite(store) == before
    rewrite(store)


def test_a_table_in_use_is_not_waited_for(store, monkeypatch) -> None:
    monkeypatch.setattr(rewriting, "WAIT_S", 0.2)
    with psycopg.connect(store.conninfo) as other:
        other.execute("select 1 from keystore_data_key")
        began = time.monotonic()
        with pytest.raises(RewriteUnfinished, match="in use by a transaction"):
            rewrite(store)
        assert time.monotonic() - began < 5


def test_a_table_that_would_be_locked_too_long_is_left_as_it_was(store) -> None:
    workspace, request = uuid7(), uuid7()
    make_keys(workspace, request)
    fill(store.conninfo, workspace, 20_000)
    with pytest.raises(RewriteUnfinished, match="keystore_data_key cannot be written anew in 0 s"):
        rewrite(store, longest_lock_s=0.01)
    custody.open_data_key(workspace, request)
    custody.destroy_workspace_key(workspace)


def test_a_log_that_is_kept_for_somebody_is_not_passed(store, superuser) -> None:
    superuser.execute("select pg_create_physical_replication_slot('replica', true)")
    try:
        with pytest.raises(RewriteUnfinished, match="for a replica, an archive or by wal_keep_size"):
            rewrite(store)
    finally:
        superuser.execute("select pg_drop_replication_slot('replica')")
    rewrite(store)


@pytest.mark.parametrize(
    ("taken", "given"),
    [
        ("revoke pg_checkpoint from bailiwick_keys", "grant pg_checkpoint to bailiwick_keys"),
        (
            "revoke execute on function pg_ls_dir(text) from bailiwick_keys",
            "grant execute on function pg_ls_dir(text) to bailiwick_keys",
        ),
    ],
)
def test_a_missing_right_is_named(store, superuser, taken, given) -> None:
    superuser.execute(taken)
    try:
        with pytest.raises(RewriteUnfinished, match="grant it pg_checkpoint, and EXECUTE on"):
            rewrite(store)
    finally:
        superuser.execute(given)
    rewrite(store)


def test_keys_that_are_made_meanwhile_are_kept(store) -> None:
    workspace = uuid7()
    made: list[UUID] = []
    over = threading.Event()

    def making() -> None:
        while not over.is_set():
            requests = [uuid7() for _ in range(20)]
            make_keys(workspace, *requests)
            made.extend(requests)

    maker = threading.Thread(target=making)
    maker.start()
    for _ in range(3):
        rewrite(store)
    over.set()
    maker.join()
    assert made
    assert DataKey.objects.filter(workspace_id=workspace, wrapped__isnull=False).count() == len(made)
    custody.open_data_key(workspace, made[-1])


def test_the_job_does_it_once_a_day_and_says_nothing_when_it_may_not(store, superuser) -> None:
    with psycopg.connect(store.conninfo, autocommit=True) as keys:
        keys.execute("delete from keystore_rewrite")
    with psycopg.connect(store.conninfo) as other:
        other.execute("select 1 from keystore_data_key")
        rewrite_keys()
    assert last_rewrite(store) is None
    rewrite_keys()
    first = last_rewrite(store)
    assert first is not None
    rewrite_keys()
    assert last_rewrite(store) == first
    with psycopg.connect(store.conninfo, autocommit=True) as keys:
        keys.execute("update keystore_rewrite set began_at = began_at - interval '1 day'")
    rewrite_keys()
    assert last_rewrite(store) >= first


def fill(conninfo: str, workspace: UUID, count: int) -> None:
    with psycopg.connect(conninfo) as keys:
        keys.execute(_FILL, [count, workspace])


@pytest.fixture
def apart() -> Iterator[Cluster]:
    """A cell's servers that may be killed."""
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="bw-keys-")))
    cluster.write_files()
    cluster.start()
    yield cluster
    cluster.stop()
    shutil.rmtree(cluster.folder)


REWRITE = (
    "from cell.config import config\nfrom cell.keystore.rewriting import rewrite\nrewrite(config().keystore_database)"
)


def test_a_server_that_is_killed_in_the_middle_keeps_its_keys_and_says_what_it_left(apart, tmp_path) -> None:
    store = load(apart.environ()).keystore_database
    workspace, epoch = uuid7(), uuid7()
    canary = secrets.token_bytes(64)
    with psycopg.connect(store.conninfo) as keys:
        keys.execute(
            "insert into keystore_workspace_key (id, workspace_id, wrapped, created_at) values (%s, %s, 'x', now())",
            [uuid7(), workspace],
        )
        keys.execute(
            "insert into keystore_epoch_key (id, workspace_id, day, wrapped, created_at)"
            " values (%s, %s, current_date, 'x', now())",
            [epoch, workspace],
        )
        keys.execute(
            "insert into keystore_data_key (id, workspace_id, epoch_id, wrapped, created_at) values (%s, %s, %s, %s, now())",
            [uuid7(), workspace, epoch, canary],
        )
    fill(store.conninfo, workspace, 300_000)
    environ = {**os.environ, **apart.environ(), "PYTHONPATH": os.pathsep.join(sys.path)}
    worker = subprocess.Popen([sys.executable, "-c", REWRITE], env=environ, stderr=subprocess.DEVNULL)
    with psycopg.connect(apart.url(pg.SUPERUSER, pg.KEYSTORE_DATABASE), autocommit=True) as superuser:
        os.kill(_writing_anew(superuser), signal.SIGKILL)
    assert worker.wait(60) != 0
    apart.postgres.wait(apart.passwords[pg.SUPERUSER])

    with psycopg.connect(store.conninfo) as keys:
        assert keys.execute("select count(*) from keystore_data_key where wrapped is not null").fetchone() == (300_001,)
        keys.execute("update keystore_data_key set wrapped = null, destroyed_at = now() where wrapped = %s", [canary])
    assert last_rewrite(store) is None
    # PostgreSQL forgets what a crash left: a copy of keys that no table knows. So it is looked for.
    with pytest.raises(RewriteUnfinished, match="a crash left files") as left:
        rewrite(store)
    assert last_rewrite(store) is None
    apart.stop()
    for name in str(left.value).partition("hold keys: ")[2].partition(". Stop")[0].split(", "):
        (apart.postgres.data / name).unlink()
    apart.start()
    rewrite(store)
    assert last_rewrite(store) is not None
    assert holding(apart.postgres.data, [canary]) == set()


def test_a_worker_that_is_killed_in_the_middle_leaves_a_working_key_store(apart) -> None:
    store = load(apart.environ()).keystore_database
    with psycopg.connect(store.conninfo) as keys:
        keys.execute(
            "insert into keystore_named_key (id, owner_id, purpose, sealed, number, created_at)"
            " select gen_random_uuid(), gen_random_uuid(), 'p', decode(repeat(md5(n::text), 4), 'hex'), 1, now()"
            " from generate_series(1, 200000) n"
        )
    environ = {**os.environ, **apart.environ(), "PYTHONPATH": os.pathsep.join(sys.path)}
    with psycopg.connect(apart.url(pg.SUPERUSER, pg.KEYSTORE_DATABASE), autocommit=True) as superuser:
        worker = subprocess.Popen([sys.executable, "-c", REWRITE], env=environ)
        _writing_anew(superuser)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        while superuser.execute("select 1 from pg_stat_activity where query like 'vacuum%'").fetchone():
            time.sleep(0.05)  # the server ends what it was told
    assert last_rewrite(store) is None
    rewrite(store)
    with psycopg.connect(store.conninfo) as keys:
        assert keys.execute("select count(*) from keystore_named_key").fetchone() == (200_000,)


def _writing_anew(superuser: psycopg.Connection) -> int:
    """The process of the server that writes a table anew, when it has begun."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        row = superuser.execute(
            "select pid from pg_stat_progress_cluster where relid::regclass::text in"
            " ('keystore_data_key', 'keystore_named_key') and heap_tuples_scanned > 1000"
        ).fetchone()
        if row is not None:
            return int(row[0])
        time.sleep(0.002)
    raise RuntimeError("nobody writes a table anew")
