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
from cell.access import WorkspaceRef
from cell.keys.envelope import Context, seal, unseal
from cell.keystore import custody
from cell.keystore.ring import KeyRefused, KeyRing, KeyStoreUnavailable
from cell.tenancy import workspace_scope
from retention.contracts import PayloadText
from retention.models import Payload

__all__ = ["PAYLOADS", "STORES_PAYLOADS", "KeyStoreUnavailable", "PayloadRow", "Vault", "payload_open"]

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

_PROMPT, _ANSWER = "prompt", "answer"


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
            seal(key, request, prompt, Context(workspace, request, _PROMPT)),
            seal(key, request, answer, Context(workspace, request, _ANSWER)),
        )

    async def close(self) -> None:
        await self._ring.close()


def payload_open(workspace: WorkspaceRef, request: UUID) -> PayloadText | None:
    """What is stored of `request`; None if nothing is, if it expired or if it was erased.

    Raises cell.keys.envelope.EnvelopeError or cell.keys.UnwrapError if a row was tampered with, cell.keys.RootUnavailable if
    what holds the root, or the customer's own key, does not open it.
    """
    with workspace_scope(workspace):
        row = Payload.objects.filter(workspace_id=workspace.id, id=request).first()
    if row is None:
        return None
    try:
        key = AESGCM(custody.open_data_key(workspace.id, request))
    except custody.KeyDestroyed:
        return None
    return PayloadText(
        prompt=unseal(key, bytes(row.prompt), Context(workspace.id, request, _PROMPT)),
        answer=unseal(key, bytes(row.answer), Context(workspace.id, request, _ANSWER)),
        stored_at=row.stored_at,
    )
