"""Reading what is stored of a request."""

from __future__ import annotations

from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cell.access import WorkspaceRef
from cell.keys.envelope import Context, unseal
from cell.keystore import custody
from cell.tenancy import workspace_scope
from retention.contracts import PayloadText
from retention.fences import is_fenced
from retention.holds import held_requests
from retention.models import Payload
from retention.vault import ANSWER, PROMPT


class PayloadHeld(Exception):
    """A hold covers the request."""


def payload_open(workspace: WorkspaceRef, request: UUID) -> PayloadText | None:
    """What is stored of `request`; None if nothing is, if it expired, or if it is erased, from its fence on.

    Raises PayloadHeld while a hold covers it, cell.keys.envelope.EnvelopeError or cell.keys.UnwrapError if a row was tampered
    with, cell.keys.RootUnavailable if what holds the root, or the customer's own key, does not open it.
    """
    held = held_requests(workspace)
    if held is None or request in held:
        raise PayloadHeld("a legal hold or a restriction covers this request: it is kept, and nobody reads it")
    with workspace_scope(workspace):
        row = Payload.objects.filter(workspace_id=workspace.id, id=request).first()
        if row is None or is_fenced(workspace, request):
            return None
    try:
        key = AESGCM(custody.open_data_key(workspace.id, request))
    except custody.KeyDestroyed:
        return None
    return PayloadText(
        prompt=unseal(key, bytes(row.prompt), Context(workspace.id, request, PROMPT)),
        answer=unseal(key, bytes(row.answer), Context(workspace.id, request, ANSWER)),
        stored_at=row.stored_at,
    )
