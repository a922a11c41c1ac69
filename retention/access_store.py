"""Access to a workspace that is erased: its keys are revoked and it is closed before anything of it is swept."""

from __future__ import annotations

from cell.access import system_actor
from retention.stores import WORKSPACE_ONLY, Evidence, Target, ask_auditor
from workspaces.services import workspace_access, workspace_close


class WorkspaceAccess:
    """The workspace's API keys, and its being open."""

    name = "workspace-access"
    method = "keys revoked, workspace closed"
    holds_keys = True
    """Not of data; but it comes as early, so that nothing new is asked for while the rest goes."""
    scopes = WORKSPACE_ONLY

    def plan(self, target: Target) -> int:
        return workspace_access(target.workspace)

    def execute(self, target: Target) -> None:
        workspace_close(actor=system_actor("job", target.workspace.organization), workspace=target.workspace)

    def verify(self, target: Target) -> Evidence:
        answer = ask_auditor(
            "(select count(*) from workspaces_key where workspace_id = %s and revoked_at is null)"
            " + (select count(*) from workspaces_workspace where id = %s and state <> 'erased')",
            (target.workspace.id, target.workspace.id),
        )
        return Evidence(remaining=answer.count, details={"open": answer.count, **answer.details})
