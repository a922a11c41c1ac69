"""Records of requests that ended on some day, as the gateway leaves them, and what they add up to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from cell.access import WorkspaceRef
from cell.ids import earliest, uuid7
from cell.tenancy import workspace_scope
from inference.gateway.models import RequestRecord
from inference.gateway.usage import Figures, usage_get

DAY = timedelta(days=1)


def today() -> date:
    return datetime.now(UTC).date()


def make_request(workspace: WorkspaceRef, day: date | None = None, **given: Any) -> UUID:
    """The record of a request that ended, at noon of `day` or now."""
    number = uuid7()
    if day is not None:
        moment = earliest(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
        number = UUID(int=moment.int | number.int & (1 << 62) - 1)
    figures: dict[str, Any] = {"status": "completed", "lane": "standard", "kind": "chat", "model": "demo-chat"}
    figures["subject"] = b"pseudonym"
    row = RequestRecord(
        id=number,
        workspace_id=workspace.id,
        organization_id=workspace.organization,
        key_id=uuid4(),
        streamed=False,
        http_status=200,
        finish_reason="stop",
        redactions={},
        started_at=datetime.now(UTC),
        **{"subject": b"pseudonym", "prompt_tokens": 5, "completion_tokens": 7, "duration_ms": 1500} | figures | given,
    )
    with workspace_scope(workspace):
        row.save(force_insert=True)
    return number


def usage(workspace: WorkspaceRef, first: date | None = None) -> Figures:
    return usage_get(workspace, first=first or today() - 30 * DAY, last=today()).totals
