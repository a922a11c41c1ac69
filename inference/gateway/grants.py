"""Who may ask: a key's token resolved once to a frozen `Grant`, kept until something about it changes.

A revocation reaches every process through NOTIFY in its own transaction (`inference.gateway.listener`). When that channel has
not proven itself alive for a second, every grant older than a second is resolved again, so a key is refused everywhere at
most one second after it was revoked, also while a listener is lost.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from time import monotonic, time
from uuid import UUID

from cell.access import WorkspaceRef
from inference.engine.protocol import CacheScope
from inference.engine.window import Preset
from inference.gateway.errors import ApiError, unauthenticated
from inference.gateway.forms import Forms
from inference.gateway.limits import Limiter
from workspaces.contracts import ServingInfo

FRESH_S = 1.0
"""The longest that a grant is believed without word from the database."""
OLDEST_S = 600.0
"""Every grant is resolved again after this time, so that a key in use is also seen to be in use."""
MOST_REFUSALS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Grant:
    """What a key may do, resolved. `pseudonym_key` keys the pseudonyms of the workspace's subjects."""

    key: UUID
    key_id: str
    workspace: WorkspaceRef
    public_id: str
    """The workspace's tagged id."""
    forms: Forms
    """Entries that this key's requests leave."""
    scopes: frozenset[str]
    expires_at: float
    """Unix seconds; infinity for a key without an end."""
    networks: tuple[IPv4Network | IPv6Network, ...]
    """Where the key may be used from; empty means anywhere."""
    stores_payloads: bool
    """Whether the workspace keeps what is said, sealed."""
    redaction: int
    """The version of the workspace's redaction policy that is in force."""
    serving: ServingInfo
    """How the workspace is served; the three below say it as the engine takes it."""
    weight: float
    cache: CacheScope
    preset: Preset | None
    limiter: Limiter
    pseudonym_key: bytes
    loaded_at: float
    """`time.monotonic()` before the database was asked."""


Load = Callable[[str], Awaitable[Grant]]
"""Resolves a token. Raises ApiError when it is refused."""


class Grants:
    """The grants of this process. `find` answers from memory; `load` asks the database, once per token at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._grants: dict[bytes, Grant] = {}
        self._refusals: dict[bytes, tuple[float, ApiError]] = {}
        self._loading: dict[bytes, asyncio.Future[Grant]] = {}
        self._changes = 0
        self._confirmed_at = -FRESH_S

    def find(self, authorization: bytes | None) -> Grant | None:
        """The grant of an Authorization header if it is known and fresh. Raises ApiError if there is no usable header."""
        if authorization is None or authorization[:7].lower() != b"bearer ":
            raise unauthenticated("Send your key as 'Authorization: Bearer sk-…'.")
        grant = self._grants.get(hashlib.sha256(authorization).digest())
        if grant is None:
            return None
        now = monotonic()
        age = now - grant.loaded_at
        if age > OLDEST_S or (age > FRESH_S and now - self._confirmed_at > FRESH_S):
            return None
        if grant.expires_at <= time():
            raise unauthenticated("This key has expired. Issue a new one.")
        return grant

    async def load(self, authorization: bytes) -> Grant:
        """Resolves an Authorization header that `find` accepted but did not know. Raises ApiError."""
        digest = hashlib.sha256(authorization).digest()
        refusal = self._refusals.get(digest)
        if refusal is not None and monotonic() - refusal[0] < FRESH_S:
            raise refusal[1]
        running = self._loading.get(digest)
        if running is None:
            running = asyncio.ensure_future(self._resolve(digest, authorization[7:].strip()))
            self._loading[digest] = running
        # One caller going away must not take the answer from the others.
        return await asyncio.shield(running)

    async def _resolve(self, digest: bytes, token: bytes) -> Grant:
        changes = self._changes
        try:
            grant = await self._load(token.decode("ascii", "replace"))
        except ApiError as error:
            self._grants.pop(digest, None)
            if error.status in (401, 403):
                if len(self._refusals) >= MOST_REFUSALS:
                    self._refusals.clear()
                self._refusals[digest] = (monotonic(), error)
            raise
        finally:
            del self._loading[digest]
        if changes == self._changes:
            self._grants[digest] = grant
        # Otherwise something changed while the database was asked: this answer serves its callers and is not kept.
        self._refusals.pop(digest, None)
        return grant

    def confirm(self, at: float) -> None:
        """Every change committed before `at` (monotonic) has been heard."""
        self._confirmed_at = at

    def forget_key(self, key_id: str) -> None:
        self._forget(lambda grant: grant.key_id == key_id)

    def forget_workspace(self, workspace: UUID) -> None:
        self._forget(lambda grant: grant.workspace.id == workspace)

    def forget_all(self) -> None:
        self._forget(lambda grant: True)

    def _forget(self, stale: Callable[[Grant], bool]) -> None:
        self._changes += 1
        self._refusals.clear()
        for digest in [digest for digest, grant in self._grants.items() if stale(grant)]:
            del self._grants[digest]
