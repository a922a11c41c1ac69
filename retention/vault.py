"""The payload vault: redacted prompt and answer of a request, sealed under a key of its own that can be destroyed alone.

How the gateway uses it (one per event loop; asyncio, no threads, no ORM):

    vault = Vault(KeyRing(config().keystore_database.conninfo, cell_keys()))
    commits = GroupCommit(conninfo, limit=…, extra=[…, PAYLOADS])
    row = await vault.prepare(grant.workspace, grant.organization, request, prompt, answer)   # workspaces that store payloads
    …  Item(…, rows=(…, (row,) if row else ()))                                               # commits with the outcome
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit.groupcommit import Insert
from cell.keys.envelope import Context, seal
from cell.keystore.ring import KeyRefused, KeyRing, KeyStoreUnavailable

__all__ = ["PAYLOADS", "STORES_PAYLOADS", "KeyStoreUnavailable", "PayloadRow", "Vault"]

PAYLOADS = Insert(
    "retention_payload",
    {
        "id": "uuid",
        "workspace_id": "uuid",
        "organization_id": "uuid",
        "stored_at": "timestamptz",
        "prompt": "bytea",
        "answer": "bytea",
    },
)
"""The table of `PayloadRow`s, for the `extra` of a group commit."""

STORES_PAYLOADS = "select coalesce((select store_payloads from retention_policy_of(%s)), false)"
"""Whether a workspace stores payloads, for a process that knows its id from a key it has just checked. Cache the answer until
`workspace_changed` names the workspace."""

PayloadRow = tuple[UUID, UUID, UUID, datetime, bytes, bytes]

PROMPT, ANSWER = "prompt", "answer"


class Vault:
    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    async def prepare(
        self, workspace: UUID, organization: UUID, request: UUID, prompt: bytes, answer: bytes
    ) -> PayloadRow | None:
        """The sealed row of a request, for `PAYLOADS`; its key is durable when this returns. None if it was erased meanwhile.

        `prompt` and `answer` are redacted. Raises KeyStoreUnavailable: then there is nothing that may be stored.
        """
        try:
            key = AESGCM(await self._ring.data_key(workspace, request, organization=organization))
        except KeyRefused:
            return None
        return (
            request,
            workspace,
            organization,
            datetime.now(UTC),
            seal(key, request, prompt, Context(workspace, request, PROMPT)),
            seal(key, request, answer, Context(workspace, request, ANSWER)),
        )

    async def close(self) -> None:
        await self._ring.close()
