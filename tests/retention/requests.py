"""Requests as the gateway leaves them: an intent and an outcome in the log, and a sealed payload committed with the outcome."""

from __future__ import annotations

import asyncio
from uuid import UUID

from audit.actions import Action
from audit.entry import EntryActor, Kind, inference_entry, now, outcome_id
from audit.groupcommit import GroupCommit, Item
from audit.log import tree_of
from cell.access import WorkspaceRef
from cell.config import config
from cell.ids import Tag, tagged, uuid7
from cell.keys import cell_keys
from cell.keystore.ring import KeyRing
from cell.pseudonyms import subject_key, subject_pseudonym
from cell.tenancy import workspace_scope
from inference.gateway.records import REQUEST_ROWS
from retention.models import Payload
from retention.vault import PAYLOADS, PayloadRow, Vault

PROMPT, ANSWER = b"CANARY-PROMPT what was asked", b"CANARY-ANSWER what was answered"


def serve(
    workspace: WorkspaceRef,
    request: UUID | None = None,
    *,
    stored: bool = True,
    subject: str | None = None,
    prompt: bytes = PROMPT,
    answer: bytes = ANSWER,
) -> UUID:
    """A request that was served, its payload stored if `stored`, about a `subject` if one is named. Returns its number."""
    request = request or uuid7()
    about = None if subject is None else subject_pseudonym(subject_key(workspace.id), subject)
    asyncio.run(_serve(workspace, request, about, (prompt, answer) if stored else None))
    return request


async def _serve(
    workspace: WorkspaceRef, request: UUID, about: bytes | None, texts: tuple[bytes, bytes] | None
) -> None:
    commits = GroupCommit(config().database.conninfo, limit=16, extra=[REQUEST_ROWS, PAYLOADS])
    vault = Vault(KeyRing(config().keystore_database.conninfo, cell_keys()))
    await commits.start()
    try:
        await commits.submit(item(workspace, request, Kind.INTENT))
        row = None if texts is None else await vault.prepare(workspace.id, workspace.organization, request, *texts)
        await commits.submit(item(workspace, request, Kind.OUTCOME, row, record(workspace, request, about)))
    finally:
        await commits.stop()
        await vault.close()


def record(workspace: WorkspaceRef, request: UUID, about: bytes | None) -> tuple[object, ...]:
    """The gateway's row of the request."""
    figures = (200, "stop", 5, 7, "{}", now(), 1500)
    called = (workspace.id, workspace.organization, uuid7(), "chat", "demo-chat", "standard", False)
    return (request, *called, about, "completed", *figures)


def item(
    workspace: WorkspaceRef,
    request: UUID,
    kind: Kind,
    row: PayloadRow | None = None,
    record: tuple[object, ...] | None = None,
) -> Item:
    cell, at = config().cell, now()
    number = request if kind is Kind.INTENT else outcome_id(request)
    entry = inference_entry(
        action=Action.INFERENCE_REQUESTED if kind is Kind.INTENT else Action.INFERENCE_COMPLETED,
        id=number,
        request=request,
        at=at,
        cell=cell,
        organization=tagged(Tag.ORGANIZATION, cell, workspace.organization),
        workspace=tree_of(workspace),
        actor=EntryActor(auth="key", id=None, key=None, type="key"),
        scope="inference:chat",
        after={"kind": "chat"} if kind is Kind.INTENT else {"status": "completed"},
    )
    rows = () if record is None else ((record,), () if row is None else (row,))
    return Item(number, tree_of(workspace), workspace.organization, workspace.id, kind, at, entry.body(), rows)


def payloads(workspace: WorkspaceRef) -> set[UUID]:
    """Requests of which a row is stored, readable or not."""
    with workspace_scope(workspace):
        return set(Payload.objects.values_list("id", flat=True))
