from __future__ import annotations

import asyncio
import os
import signal

import psycopg
import pytest

from audit.arrays import column
from audit.session import Session
from bailiwick.embedded.cluster import Cluster

_MAKE = b"create temp table seen (id integer primary key, body bytea)"
_ADD = b"insert into seen select * from unnest($1::integer[], $2::bytea[])"
_ONLY = b"do $$ begin if (select count(*) from seen) <> 1 then raise exception 'not one row'; end if; end $$"


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


async def opened(cluster: Cluster) -> Session:
    return Session(await psycopg.AsyncConnection.connect(cluster.url("bailiwick_owner"), autocommit=True))


def rows(*numbers: int, size: int = 1) -> list[bytes]:
    return [column("integer", numbers), column("bytea", [bytes(size) for _ in numbers])]


@pytest.mark.anyio
async def test_a_refused_statement_changes_nothing_and_the_next_one_runs(cluster: Cluster) -> None:
    session = await opened(cluster)
    await session.execute(_MAKE, [])
    await session.execute(_ADD, rows(1))

    with pytest.raises(psycopg.errors.UniqueViolation):
        await session.execute(_ADD, rows(2, 1))

    await session.execute(_ONLY, [])
    session.close()


@pytest.mark.anyio
async def test_more_than_the_socket_takes_at_once_arrives_whole(cluster: Cluster) -> None:
    session = await opened(cluster)
    await session.execute(_MAKE, [])

    await session.execute(_ADD, rows(1, size=32 << 20))

    await session.execute(
        b"do $$ begin if (select sum(length(body)) from seen) <> 32 << 20 then raise exception 'cut'; end if; end $$",
        [],
    )
    session.close()


@pytest.mark.anyio
@pytest.mark.parametrize("busy", [True, False])
async def test_a_lost_server_process_is_an_error_for_the_statement_and_costs_no_cpu(
    cluster: Cluster, busy: bool
) -> None:
    connection = await psycopg.AsyncConnection.connect(cluster.url("bailiwick_owner"), autocommit=True)
    pid = connection.info.backend_pid
    session = Session(connection)
    running = asyncio.create_task(session.execute(b"select pg_sleep(30)", [])) if busy else None
    await asyncio.sleep(0.2)

    os.kill(pid, signal.SIGTERM)
    await asyncio.sleep(0.2)

    with pytest.raises(psycopg.OperationalError):
        await (running or session.execute(b"select 1", []))
    before = os.times().user
    await asyncio.sleep(0.3)
    assert os.times().user - before < 0.2
    session.close()
