"""Rewriting the key store's tables, so that no file of its server holds a wrapped key any more that was destroyed.

DELETE and UPDATE leave the old row's bytes in the heap, VACUUM leaves them in the holes of its pages, and the log of writes has
them besides. Overwriting a row before it is deleted would only write another one. So each table is written anew (VACUUM FULL,
which leaves an old snapshot what it sees), the log is taken past every segment that had old bytes, and a checkpoint removes
the files that are left over. Only then does a row of `keystore_rewrite` say that everything destroyed before it began is gone.

What it cannot reach: other servers that copied these files (standbys do the same by replaying the log, backups age out), and
blocks that a file system freed and has not overwritten.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import errors, sql

from cell.database_url import DatabaseUrl
from cell.ids import uuid7

TABLES: Final = (
    "public.keystore_data_key",
    "public.keystore_epoch_key",
    "public.keystore_named_key",
    "public.keystore_workspace_key",
    # ANALYZE keeps samples of columns there. No column of keys is sampled any more; what was is a dead row.
    "pg_catalog.pg_statistic",
)
LONGEST_LOCK_S: Final = 10.0
"""While a table is written anew nobody makes or opens a key: a rewrite that takes longer is given up, and leaves all as it was."""
WAIT_S: Final = 2.0
"""For a table that somebody uses: whoever comes next waits behind the rewrite meanwhile."""
WITHIN_S: Final = 60.0
"""All of it; a worker's task has 75 seconds."""
EVERY: Final = timedelta(hours=22)
_LAST: Final = "select max(began_at) from keystore_rewrite where server = (select system_identifier::text from pg_control_system())"
_ONE_AT_A_TIME: Final = 0x6B657973  # "keys"
_MOST_SEGMENTS: Final = 1024


class RewriteUnfinished(Exception):
    """Bytes of destroyed keys may still be in a file of the server; nothing was recorded. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    began_at: datetime
    """By the key store's clock: what was destroyed before is in no file."""
    longest_lock_s: float
    """How long the table that took longest could not be used."""
    segments: int
    """Of the log of writes, that were written over or passed."""


def rewrite(store: DatabaseUrl, *, longest_lock_s: float = LONGEST_LOCK_S, within_s: float = WITHIN_S) -> Rewritten:
    """Writes every table of keys anew, as the owner of `store`, and takes the log of writes past what was in them.

    May be killed anywhere, and done again. Raises RewriteUnfinished, or psycopg.OperationalError if the store does not answer.
    """
    end = time.monotonic() + within_s
    with psycopg.connect(store.conninfo, connect_timeout=5, autocommit=True) as connection:
        begun = _one(connection, "select clock_timestamp() where pg_try_advisory_lock(%s)", _ONE_AT_A_TIME)
        if begun is None:
            raise RewriteUnfinished("another process is at it")
        try:
            longest = max(
                _write_anew(connection, table, min(longest_lock_s, end - time.monotonic())) for table in TABLES
            )
            _limit(connection, end - time.monotonic())
            segments = _pass_the_log(connection)
            _check_files(connection)
        except errors.InsufficientPrivilege as error:
            raise RewriteUnfinished(
                "the key store's role may not do it: grant it pg_checkpoint, and EXECUTE on pg_switch_wal(), pg_ls_waldir() and"
                f" pg_ls_dir(text) in its database ({error.diag.message_primary})"
            ) from None
        except errors.QueryCanceled:
            raise RewriteUnfinished(
                "the server did not come to the end of it in time; repeat when it has less to do"
            ) from None
        connection.execute(
            "insert into keystore_rewrite (id, began_at, ended_at, server, lsn) select %s, %s, clock_timestamp(),"
            " system_identifier::text, pg_current_wal_lsn()::text from pg_control_system()",
            [uuid7(), begun],
        )
    return Rewritten(begun, longest, segments)


def rewrite_if_due(store: DatabaseUrl) -> Rewritten | None:
    """As `rewrite`, unless one came to its end within `EVERY`. By the store's clock: a worker's may have jumped."""
    with psycopg.connect(store.conninfo, connect_timeout=5, autocommit=True) as connection:
        if _one(connection, f"select clock_timestamp() - ({_LAST}) < %s", EVERY):
            return None
    return rewrite(store)


def last_rewrite(store: DatabaseUrl) -> datetime | None:
    """When the last one began that came to its end on this server, as the owner or the auditor of `store`. One that came with a
    backup of another server says nothing.
    """
    with psycopg.connect(store.conninfo, connect_timeout=5, autocommit=True) as connection:
        found: datetime | None = _one(connection, _LAST)
        return found


def _write_anew(connection: psycopg.Connection[Any], table: str, longest_s: float) -> float:
    """Returns how many seconds the table was locked at most."""
    left: list[int] = []

    def noted(diagnostic: psycopg.errors.Diagnostic) -> None:
        # "3 dead row versions cannot be removed yet": the first number, in every language of the server.
        left.extend(map(int, re.findall(r"\d+", diagnostic.message_detail or "")[:1]))

    _limit(connection, longest_s)
    connection.add_notice_handler(noted)
    began = time.monotonic()
    try:
        connection.execute(sql.SQL("vacuum (full, verbose) {}").format(sql.SQL(table)))
    except errors.LockNotAvailable:
        raise RewriteUnfinished(f"{table} is in use by a transaction that does not end; repeat") from None
    except errors.QueryCanceled:
        raise RewriteUnfinished(
            f"{table} cannot be written anew in {longest_s:.0f} s: do it at a quiet hour, when nobody minds that no key can be"
            " made or opened meanwhile: bailiwick keys rewrite --longest-lock-s N"
        ) from None
    finally:
        connection.remove_notice_handler(noted)
    if not left or any(left):
        raise RewriteUnfinished(
            f"an old transaction may still see what was destroyed in {table}; repeat when it has ended"
        )
    return time.monotonic() - began


def _pass_the_log(connection: psycopg.Connection[Any]) -> int:
    """Until no segment is left that has a byte from before this call. Returns how many segments were passed."""
    last = _segment(_one(connection, "select pg_walfile_name(pg_switch_wal())"))
    # Removes the segments before, or gives them the names of those to come: with their bytes in them.
    connection.execute("checkpoint")
    names = [
        _segment(name)
        for (name,) in connection.execute("select name from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'")
    ]
    if kept := sum(name <= last for name in names):
        raise RewriteUnfinished(
            f"the server keeps {kept} segments of its log of writes for a replica, an archive or by wal_keep_size: see to it that"
            " they are taken, and repeat"
        )
    ahead = max(names)
    for passed in range(_MOST_SEGMENTS):
        if _segment(_one(connection, "select pg_walfile_name(pg_current_wal_insert_lsn())")) > ahead:
            return passed
        # A switch writes the whole rest of the segment, but does nothing in one that is empty.
        connection.execute("select pg_logical_emit_message(false, 'bailiwick', '')")
        connection.execute("select pg_switch_wal()")
    raise RewriteUnfinished(
        "the server makes more of its log of writes than can be passed; repeat when it has less to do"
    )


def _check_files(connection: psycopg.Connection[Any]) -> None:
    """Raises RewriteUnfinished if a crash in the middle of an earlier rewrite left a copy: PostgreSQL itself never removes it."""
    strays = connection.execute(
        "select folder || '/' || file from regexp_replace(pg_relation_filepath('pg_class'), '/[0-9]+$', '') folder,"
        " pg_ls_dir(folder) file"
        " where file ~ '^[0-9]+' and pg_filenode_relation(0, substring(file from '^[0-9]+')::oid) is null order by 1"
    ).fetchall()
    if strays:
        raise RewriteUnfinished(
            f"a crash left files that belong to no table and may hold keys: {', '.join(name for (name,) in strays)}. Stop the"
            " server, remove them from its data folder, and start it"
        )


def _limit(connection: psycopg.Connection[Any], seconds: float) -> None:
    connection.execute(
        "select set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)",
        [f"{WAIT_S * 1000:.0f}", f"{max(seconds * 1000, 1):.0f}"],
    )


def _segment(name: str) -> str:
    """What orders the log's files, whatever their timeline is."""
    return name[8:]


def _one(connection: psycopg.Connection[Any], statement: str, *values: object) -> Any:
    row = connection.execute(statement, values).fetchone()
    return None if row is None else row[0]
