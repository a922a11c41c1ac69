"""The redactors of this process: one for each version of a workspace's policy that is in use, as many as memory is given.

A version never changes, so nothing kept here can be old: which version is in force comes with the key's grant, within a second
of the decision.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg

from cell.telemetry import get_logger
from inference.gateway.errors import ApiError
from inference.gateway.parts import Redaction
from inference.redaction import CompiledPolicy, RedactionError, Redactor

FIRST_VERSION = 1
"""The default policy, which every workspace begins with."""
MEMORY_BYTES = 64 << 20
"""Of the compiled rules that are kept; those that were not used for the longest time go first."""
EACH_BYTES = 64 << 10
"""What one takes beside its database, about."""
ANSWER_S = 5.0

_QUERY = "select gateway_redaction_policy_of(%s, %s)"

log = get_logger(__name__)
_Version = tuple[UUID, int]


class Redactors:
    """`find` answers from memory, `load` asks the database, once for each version at a time."""

    def __init__(self, conninfo: str, default: Redaction, hash_key: Callable[[UUID], bytes]) -> None:
        """`default` redacts by the first version; `hash_key` gives the key of a workspace's hashes."""
        self._conninfo = conninfo
        self._default = default
        self._hash_key = hash_key
        self._kept: OrderedDict[_Version, Redactor] = OrderedDict()
        self._bytes = 0
        self._loading: dict[_Version, asyncio.Future[Redactor]] = {}
        # Loading takes milliseconds, but a database of another processor's has to be compiled again. Starts when first needed.
        self._compiling = ThreadPoolExecutor(1, thread_name_prefix="redaction-policies")

    def find(self, workspace: UUID, version: int) -> Redaction | None:
        if version == FIRST_VERSION:
            return self._default
        found = self._kept.get((workspace, version))
        if found is not None:
            self._kept.move_to_end((workspace, version))
        return found

    async def load(self, workspace: UUID, version: int) -> Redaction:
        """The redactor that `find` did not have. Raises ApiError 503: without its policy no request goes on."""
        wanted = workspace, version
        running = self._loading.get(wanted)
        if running is None:
            running = self._loading[wanted] = asyncio.ensure_future(self._load(wanted))
            running.add_done_callback(lambda _: self._loading.pop(wanted))
        # One caller going away must not take it from the others.
        return await asyncio.shield(running)

    def close(self) -> None:
        self._compiling.shutdown(wait=False)

    async def _load(self, wanted: _Version) -> Redactor:
        workspace, version = wanted
        try:
            async with asyncio.timeout(ANSWER_S):
                data = await self._ask(wanted)
            if data is None:
                raise LookupError("no such version")
            redactor = await asyncio.get_running_loop().run_in_executor(self._compiling, self._made, workspace, data)
        except (psycopg.Error, OSError, TimeoutError, LookupError, RedactionError) as error:
            log.warning("gateway.redaction.unloaded", version=version, code=type(error).__name__)
            message = "The workspace's redaction policy cannot be read now, so nothing is passed on. Retry."
            raise ApiError(503, "redaction_unavailable", message, retry_after_s=1) from None
        self._keep(wanted, redactor)
        return redactor

    async def _ask(self, wanted: _Version) -> bytes | None:
        async with await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True) as connection:
            row: tuple[Any, ...] | None = await (await connection.execute(_QUERY, list(wanted))).fetchone()
        return None if row is None or row[0] is None else bytes(row[0])

    def _made(self, workspace: UUID, data: bytes) -> Redactor:
        return Redactor(CompiledPolicy.load(data), hash_key=self._hash_key(workspace))

    def _keep(self, wanted: _Version, redactor: Redactor) -> None:
        self._kept[wanted] = redactor
        self._bytes += redactor.size + EACH_BYTES
        # A workspace's earlier versions serve nobody any more but requests that are under way.
        for other in [other for other in self._kept if other[0] == wanted[0] and other[1] < wanted[1]]:
            self._forget(other)
        while self._bytes > MEMORY_BYTES and len(self._kept) > 1:
            self._forget(next(iter(self._kept)))

    def _forget(self, version: _Version) -> None:
        self._bytes -= self._kept.pop(version).size + EACH_BYTES
