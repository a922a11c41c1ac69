"""A workspace's redaction policies: its rules and lists may name people, so they go with the workspace."""

from __future__ import annotations

from django.db.models import QuerySet

from cell.tenancy import workspace_scope
from inference.gateway.models import RedactionPolicyVersion
from retention.stores import WORKSPACE_ONLY, Evidence, Target, ask_auditor


class RedactionPolicies:
    """Every version of the redaction policy."""

    name = "redaction-policies"
    method = "rows deleted"
    holds_keys = False
    scopes = WORKSPACE_ONLY

    def plan(self, target: Target) -> int:
        with workspace_scope(target.workspace):
            return _rows(target).count()

    def execute(self, target: Target) -> None:
        with workspace_scope(target.workspace):
            _rows(target).delete()

    def verify(self, target: Target) -> Evidence:
        answer = ask_auditor(
            "select count(version) from gateway_redaction_policy where workspace_id = %s", (target.workspace.id,)
        )
        return Evidence(remaining=answer.count, details={"rows": answer.count, **answer.details})


def _rows(target: Target) -> QuerySet[RedactionPolicyVersion]:
    return RedactionPolicyVersion.objects.filter(workspace_id=target.workspace.id)
