"""A database session for one kind of work: the same statement again and again, a batch of rows each time.

psycopg's own `execute` adapts each parameter and goes through several layers for each wait, which costs more than a small batch
does. Here the parameters are bytes already, and libpq is asked directly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format


class Session:
    """Takes over a connection in autocommit mode, which nobody else uses from then on. Belongs to one event loop."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection  # closed if nobody refers to it
        self._pgconn = connection.pgconn
        self._socket = connection.pgconn.socket
        self._loop = asyncio.get_running_loop()
        self._prepared: dict[bytes, bytes] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._failure: psycopg.Error | None = None
        """What PostgreSQL said against the statement under way."""
        self._reading = self._writing = False

    async def execute(self, statement: bytes, values: Sequence[bytes]) -> None:
        """Runs `statement`, whose parameters are $1, $2, … in binary form; committed when this returns. One at a time.

        Raises psycopg.Error. After an OperationalError, or when the caller was cancelled, only `close` is left to do.
        """
        name = self._prepared.get(statement)
        if name is None:
            name = b"s%d" % len(self._prepared)
            self._pgconn.send_prepare(name, statement)
            await self._finished()
            self._prepared[statement] = name
        self._pgconn.send_query_prepared(name, values, [Format.BINARY] * len(values))
        await self._finished()

    def close(self) -> None:
        """Ends the session without a farewell: the other side may not be listening."""
        self._unregister()
        self._pgconn.finish()

    async def _finished(self) -> None:
        waiter = self._waiter = self._loop.create_future()
        self._proceed(False)
        await waiter

    def _proceed(self, readable: bool) -> None:
        """Sends what the socket takes, reads what it has, and comes back when it is ready for more."""
        # Before libpq, which closes a lost connection's socket: with the loop that number may be another's by then.
        self._unregister()
        pgconn = self._pgconn
        try:
            blocked = pgconn.flush() == 1
            if readable:
                pgconn.consume_input()
                while not pgconn.is_busy():
                    result = pgconn.get_result()
                    if result is None:
                        self._settle()
                        return
                    if result.status == ExecStatus.FATAL_ERROR:
                        self._failure = error_from_result(result)
        except psycopg.OperationalError as error:
            self._failure = error
            self._settle()
            return
        self._reading = True
        self._loop.add_reader(self._socket, self._proceed, True)
        if blocked:
            self._writing = True
            self._loop.add_writer(self._socket, self._proceed, False)

    def _settle(self) -> None:
        waiter, self._waiter = self._waiter, None
        failure, self._failure = self._failure, None
        if self._pgconn.status == ConnStatus.BAD and not isinstance(failure, psycopg.OperationalError):
            failure = psycopg.OperationalError("the server closed the connection")
        if waiter is None or waiter.done():
            return
        if failure is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(failure)

    def _unregister(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._socket)
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._socket)
