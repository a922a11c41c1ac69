"""What is written about a request: the intent entry when it is admitted, the outcome entry and its row when it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from uuid import UUID

import msgspec

from audit.entry import Kind, now, outcome_id
from audit.groupcommit import Insert, Item
from inference.engine.lanes import Lane
from inference.engine.protocol import Request
from inference.gateway.counts import recordable
from inference.gateway.ending import Ending
from inference.gateway.grants import Grant
from inference.gateway.schemas import InferenceRequest
from inference.redaction import OutputFilter, PlaceholderMap
from retention.vault import PayloadRow

SCOPES = {"chat": "inference:chat", "completion": "inference:chat", "embedding": "inference:embeddings"}
"""The scope each kind of request needs."""


@dataclass(slots=True)
class Admission:
    """An admitted request: everything its entries, its row and its answer are made from. Holds no text of the caller's but in
    `operations`, redacted, and in `placeholders`, which die with it."""

    number: UUID
    request_id: str
    """The request's tagged id."""
    grant: Grant
    request: InferenceRequest
    operations: list[Request]
    placeholders: PlaceholderMap | None
    redactions: dict[str, int]
    policy: int
    """Version of the redaction policy that was applied, 0 if none was."""
    lane: Lane
    subject: bytes | None
    """Keyed pseudonym of whom the request is about."""
    started_at: datetime
    began: float
    """`time.perf_counter()` at the request's first byte."""
    ner: str = ""
    """The model that looked for names as well, empty if none did."""
    output: OutputFilter | None = None
    """What looks through the answer; None if the policy wants none."""
    unredacted: bool = False
    """The texts went on as they were: they could not be redacted, and the policy says so."""
    deadline_at: float | None = None
    """When the answer is of no use to the caller any more, on the same clock."""

    @property
    def created(self) -> int:
        return int(self.started_at.timestamp())


REQUEST_ROWS = Insert(
    "gateway_request",
    {
        "id": "uuid",
        "workspace_id": "uuid",
        "organization_id": "uuid",
        "key_id": "uuid",
        "kind": "text",
        "model": "text",
        "lane": "text",
        "streamed": "boolean",
        "subject": "bytea",
        "status": "text",
        "http_status": "smallint",
        "finish_reason": "text",
        "prompt_tokens": "integer",
        "completion_tokens": "integer",
        "redactions": "jsonb",
        "started_at": "timestamptz",
        "duration_ms": "integer",
    },
)
"""The gateway's own table in group commit: a row goes in with the outcome."""

_json = msgspec.json.Encoder(order="deterministic").encode


class _Requested(msgspec.Struct, frozen=True, gc=False):
    """`after` of an intent, its members in canonical order."""

    kind: str
    lane: str
    model: str
    ner: str | msgspec.UnsetType
    policy: int
    redactions: dict[str, int]
    streamed: bool
    unredacted: bool | msgspec.UnsetType = msgspec.UNSET


class _Completed(msgspec.Struct, frozen=True, gc=False):
    """`after` of an outcome, its members in canonical order."""

    completion_tokens: int
    duration_ms: int
    finish_reason: str | None
    found_in_output: dict[str, int] | msgspec.UnsetType
    http_status: int
    prompt_tokens: int
    status: str
    stored: bool
    weights: str | None


def intent_item(admission: Admission) -> Item:
    """The entry that must be durable before anything is answered; its id is the request's number."""
    grant, request, number, at = admission.grant, admission.request, admission.number, admission.started_at
    after = _Requested(
        request.kind,
        admission.lane,
        request.model,
        admission.ner or msgspec.UNSET,
        admission.policy,
        admission.redactions,
        bool(request.stream),
        True if admission.unredacted else msgspec.UNSET,
    )
    body = grant.forms.requested(SCOPES[request.kind]).body(entry=number, request=number, at=at, after=after)
    workspace = grant.workspace
    return Item(number, grant.public_id, workspace.organization, workspace.id, Kind.INTENT, at, body)


def outcome_item(admission: Admission, ending: Ending, payload: PayloadRow | None = None) -> Item:
    """The entry that says how the request ended, its row, and its sealed payload if the workspace stores them."""
    grant, request, number = admission.grant, admission.request, admission.number
    workspace = grant.workspace
    outcome, at = outcome_id(number), now()
    duration_ms = int((perf_counter() - admission.began) * 1000)
    after = _Completed(
        ending.completion_tokens,
        duration_ms,
        ending.finish_reason,
        msgspec.UNSET if admission.output is None else recordable(admission.output.found),
        ending.http_status,
        ending.prompt_tokens,
        ending.status,
        payload is not None,
        ending.weights,
    )
    body = grant.forms.completed(SCOPES[request.kind]).body(entry=outcome, request=number, at=at, after=after)
    row = (
        number,
        workspace.id,
        workspace.organization,
        grant.key,
        request.kind,
        request.model,
        admission.lane,
        bool(request.stream),
        admission.subject,
        ending.status,
        ending.http_status,
        ending.finish_reason,
        ending.prompt_tokens,
        ending.completion_tokens,
        _json(admission.redactions).decode() if admission.redactions else "{}",
        admission.started_at,
        duration_ms,
    )
    rows = ((row,),) if payload is None else ((row,), (payload,))
    return Item(outcome, grant.public_id, workspace.organization, workspace.id, Kind.OUTCOME, at, body, rows=rows)
