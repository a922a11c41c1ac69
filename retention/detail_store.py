"""Personal detail of a workspace's audit entries. The entries only commit to it; they and every proof stay."""

from __future__ import annotations

from audit.personal import destroy_detail, details_in
from cell.access import system_actor
from retention.stores import WORKSPACE_ONLY, Evidence, Target, ask_auditor

_AT_ONCE = 500


class AuditDetails:
    """The sealed rows; their keys go with the workspace's own."""

    name = "audit-details"
    method = "rows deleted"
    holds_keys = False
    scopes = WORKSPACE_ONLY

    def plan(self, target: Target) -> int:
        return len(details_in(target.workspace))

    def execute(self, target: Target) -> None:
        actor = system_actor("job", target.workspace.organization)
        while entries := details_in(target.workspace, _AT_ONCE):
            destroy_detail(actor=actor, reader=target.workspace, entries=entries)

    def verify(self, target: Target) -> Evidence:
        answer = ask_auditor("select count(*) from audit_detail where workspace_id = %s", (target.workspace.id,))
        return Evidence(remaining=answer.count, details={"rows": answer.count, **answer.details})
