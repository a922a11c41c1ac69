"""Where the log of a workspace that is erased was sent: nothing more is, and the secrets that it took are gone."""

from __future__ import annotations

from datetime import timedelta

from audit.schedules import schedules_close, schedules_left
from cell.access import system_actor
from cell.tenancy import workspace_scope
from retention.clock import shared_now
from retention.models import Fence
from retention.stores import WORKSPACE_ONLY, Evidence, Target, ask_auditor

LAST_WORD = timedelta(minutes=1)
"""After the fence, for the last deliveries to tell their destinations of the end. A replay comes later, and waits for none."""


class ExportSchedules:
    """The workspace's own schedules, and those that follow its organization's. The rows stay, as the log does that names them."""

    name = "export-schedules"
    method = "turned off, secrets cleared"
    holds_keys = False
    scopes = WORKSPACE_ONLY

    def plan(self, target: Target) -> int:
        return schedules_left(target.workspace)

    def execute(self, target: Target) -> None:
        schedules_close(
            actor=system_actor("job", target.workspace.organization),
            workspace=target.workspace,
            at_once=_is_late(target),
        )

    def verify(self, target: Target) -> Evidence:
        answer = ask_auditor(
            "select count(*) from audit_schedule where workspace_id = %s and (state <> 'ended' or secrets is not null)",
            (target.workspace.id,),
        )
        return Evidence(remaining=answer.count, details={"schedules": answer.count, **answer.details})


def _is_late(target: Target) -> bool:
    with workspace_scope(target.workspace):
        fence = Fence.objects.filter(workspace_id=target.workspace.id, erasure_id=target.erasure).first()
    return fence is not None and shared_now() > fence.fenced_at + LAST_WORD
