"""A web process as `bench.peers.gateway` runs it, with the audit log written in one of three ways: ``BENCH_AUDIT`` is

- `group`: as in production;
- `each`: every entry is a statement and a commit of its own, through a pool, as one would write it without thinking of groups;
- `none`: not at all; its entries are not even made.
"""

from __future__ import annotations

import asyncio
import os
import runpy
from typing import Any

import django
import psycopg
from psycopg_pool import AsyncConnectionPool

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bailiwick.settings")
django.setup()

from audit.groupcommit import GroupCommit, Item  # noqa: E402  # Django has to be set up first
from cell.config import config  # noqa: E402
from inference.gateway import exchange  # noqa: E402
from inference.gateway.records import REQUEST_ROWS  # noqa: E402

_POOL = 16
_ENTRY = (
    "insert into audit_entry (id, tree, organization_id, workspace_id, kind, occurred_at, body)"
    " values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing"
)
_ENTRY_AND_ROW = (
    f"with request as (insert into {REQUEST_ROWS.table} ({', '.join(REQUEST_ROWS.columns)})"
    f" values ({', '.join(f'%s::{type_}' for type_ in REQUEST_ROWS.columns.values())}) on conflict do nothing) {_ENTRY}"
)


def _submit_nothing(_: GroupCommit, item: Item | None) -> asyncio.Future[None]:
    done = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


class _Each:
    """Its `submit` takes the place of `GroupCommit.submit`."""

    def __init__(self) -> None:
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]] | None = None

    def submit(self, item: Item) -> asyncio.Future[None]:
        return asyncio.ensure_future(self._write(item))

    async def _write(self, item: Item) -> None:
        if self._pool is None:
            self._pool = AsyncConnectionPool(
                config().database.conninfo, min_size=_POOL, max_size=_POOL, open=False, kwargs={"autocommit": True}
            )
            await self._pool.open()
        row = item.rows[0][0] if item.rows else ()
        entry = (item.id, item.tree, item.organization, item.workspace, item.kind.value, item.occurred_at, item.body)
        async with self._pool.connection() as connection:
            await connection.execute(_ENTRY_AND_ROW if row else _ENTRY, (*row, *entry), prepare=True)  # type: ignore[arg-type]  # from above


if __name__ == "__main__":
    way = os.environ["BENCH_AUDIT"]
    if way == "none":
        GroupCommit.submit = _submit_nothing  # type: ignore[method-assign]  # the whole point
        exchange.intent_item = exchange.outcome_item = lambda *_: None  # type: ignore[assignment]  # nobody looks at them
    elif way == "each":
        each = _Each()
        GroupCommit.submit = lambda self, item: each.submit(item)  # type: ignore[method-assign]  # likewise
    runpy.run_module("bench.peers.gateway", run_name="__main__")
