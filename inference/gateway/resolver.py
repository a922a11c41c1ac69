"""Resolves a key's token with one query on a connection of its own: the only thing an unknown key costs the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg

from audit.entry import EntryActor
from cell.ids import Tag, tagged
from cell.telemetry import get_logger
from inference.gateway.errors import ApiError, unauthenticated
from inference.gateway.forms import Forms
from inference.gateway.grants import Grant
from inference.gateway.limits import Limiter
from inference.gateway.redactors import FIRST_VERSION
from retention.vault import STORES_PAYLOADS
from workspaces.addresses import parse_networks
from workspaces.authentication import ResolvedKey
from workspaces.contracts import ServingInfo
from workspaces.tokens import MalformedToken, parse, verify

ANSWER_S = 5.0

log = get_logger(__name__)


_QUERY = f"""
    select {", ".join(ResolvedKey._fields)}, ({STORES_PAYLOADS % "workspace_id"}),
        coalesce(gateway_redaction_version_of(workspace_id), {FIRST_VERSION})
    from resolve_key(%s)
"""


class KeyResolver:
    """`resolve` turns a token into a grant. One connection serves all; it is opened again when it is lost."""

    def __init__(
        self,
        conninfo: str,
        *,
        cell: str,
        pepper: bytes,
        pseudonym_key: Callable[[UUID], bytes],
        url_of_cell: Callable[[str], str | None],
        limiter: Callable[[UUID, ServingInfo], Limiter],
    ) -> None:
        """`pseudonym_key` gives the key of a workspace's subject pseudonyms, `url_of_cell` the base URL of another cell, and
        `limiter` a workspace's limits, set to its policy."""
        self._conninfo = conninfo
        self._cell = cell
        self._pepper = pepper
        self._pseudonym_key = pseudonym_key
        self._url_of_cell = url_of_cell
        self._connection: psycopg.AsyncConnection[tuple[object, ...]] | None = None
        self._lock = asyncio.Lock()
        self._limiter = limiter

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def resolve(self, text: str) -> Grant:
        """The grant of a token. Raises ApiError 401, 403, 421 or 503; unknown keys and wrong secrets are one answer."""
        try:
            token = parse(text)
        except MalformedToken as error:
            raise unauthenticated(f"This is not a key: {error}.") from None
        if token.cell != self._cell:
            raise self._misdirected(token.cell)
        asked = monotonic()
        found = await self._query(token.key_id)
        if found is None or not verify(token.secret, found[0].secret_hash, self._pepper):
            raise unauthenticated("This key is not known here. Check that it was copied whole.")
        row, stores_payloads, redaction = found
        if row.revoked_at is not None:
            raise unauthenticated("This key was revoked. Issue a new one.")
        if row.expires_at <= datetime.now(UTC):
            raise unauthenticated("This key has expired. Issue a new one, or rotate keys before they expire.")
        workspace, serving = row.workspace, row.serving
        if workspace is None or serving is None:
            raise ApiError(
                403, "workspace_key_required", "This is a management key. Inference takes a workspace's own key."
            )
        if row.state != "active":
            raise ApiError(403, "workspace_suspended", "The workspace is suspended. Its administrators can resume it.")
        public_id = tagged(Tag.WORKSPACE, self._cell, workspace.id)
        return Grant(
            key=row.key,
            key_id=token.key_id,
            workspace=workspace,
            public_id=public_id,
            forms=Forms(
                cell=self._cell,
                organization=tagged(Tag.ORGANIZATION, self._cell, row.organization_id),
                workspace=public_id,
                actor=EntryActor(auth="key", id=None, key=tagged(Tag.KEY, self._cell, row.key), type="key"),
            ),
            scopes=frozenset(row.scopes),
            expires_at=row.expires_at.timestamp(),
            networks=parse_networks(row.cidrs),
            stores_payloads=stores_payloads,
            redaction=redaction,
            serving=serving,
            weight=serving.weight_percent / 100,
            cache=serving.cache_scope.value,
            preset=None if serving.preset is None else serving.preset.value,
            limiter=self._limiter(workspace.id, serving),
            pseudonym_key=self._pseudonym_key(workspace.id),
            loaded_at=asked,
        )

    async def _query(self, key_id: str) -> tuple[ResolvedKey, bool, int] | None:
        """The key, whether its workspace stores payloads, and the version of its redaction policy."""
        async with self._lock:
            try:
                async with asyncio.timeout(ANSWER_S):
                    return await self._ask(key_id)
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("gateway.key.unresolved", code=type(error).__name__)
                await self._drop()
                raise ApiError(
                    503,
                    "database_unavailable",
                    "Keys cannot be checked now, so nothing is answered. Retry.",
                    retry_after_s=1,
                ) from None

    async def _ask(self, key_id: str) -> tuple[ResolvedKey, bool, int] | None:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        cursor = await self._connection.execute(_QUERY, [key_id])
        row: tuple[Any, ...] | None = await cursor.fetchone()
        if row is None:
            return None
        key = ResolvedKey(*row[:-2])
        await self._connection.execute("select touch_key(%s)", [key.key])
        return key, row[-2], row[-1]

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _misdirected(self, cell: str) -> ApiError:
        url = self._url_of_cell(cell)
        where = f"Send the request to {url}." if url else "No cell of that name is known."
        return ApiError(421, "wrong_region", f"This key belongs to cell {cell}, not to this one. {where}")
