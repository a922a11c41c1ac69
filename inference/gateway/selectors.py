"""Reading the records of one workspace's requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from cell.access import WorkspaceRef
from cell.problems import not_found
from cell.tenancy import workspace_scope
from inference.gateway.models import RequestRecord

Pager = Callable[[QuerySet[RequestRecord]], Iterable[RequestRecord]]


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """How a request ended, as figures."""

    id: UUID
    key: UUID
    kind: str
    model: str
    lane: str
    streamed: bool
    status: str
    http_status: int
    finish_reason: str | None
    prompt_tokens: int
    completion_tokens: int
    redactions: Mapping[str, int]
    names_subject: bool
    """Whether the caller said whom it is about. The pseudonym itself is shown to nobody."""
    started_at: datetime
    duration_ms: int


def request_list(workspace: WorkspaceRef, pager: Pager) -> list[RequestInfo]:
    """The workspace's requests, newest first, as many as `pager` takes of them."""
    with workspace_scope(workspace):
        return [_info(row) for row in pager(_rows(workspace))]


def request_get(workspace: WorkspaceRef, number: UUID) -> RequestInfo:
    """One request that has ended. Raises Problem 404."""
    with workspace_scope(workspace):
        row = _rows(workspace).filter(id=number).first()
    if row is None:
        raise not_found()
    return _info(row)


def _rows(workspace: WorkspaceRef) -> QuerySet[RequestRecord]:
    return RequestRecord.objects.filter(workspace_id=workspace.id).order_by("-id")


def _info(row: RequestRecord) -> RequestInfo:
    return RequestInfo(
        id=row.id,
        key=row.key_id,
        kind=row.kind,
        model=row.model,
        lane=row.lane,
        streamed=row.streamed,
        status=row.status,
        http_status=row.http_status,
        finish_reason=row.finish_reason,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        redactions=row.redactions,
        names_subject=row.subject is not None,
        started_at=row.started_at,
        duration_ms=row.duration_ms,
    )
