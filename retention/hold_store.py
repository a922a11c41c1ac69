"""What holds say in words: why something was kept. Of what is erased, the reasons of holds that have ended go, too."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from cell.tenancy import workspace_scope
from retention.models import Hold
from retention.stores import ANY_SCOPE, Evidence, Target, ask_auditor


class HoldReasons:
    """Reasons are free text and may name people. A hold that is still open keeps its own: it is about something else."""

    name = "hold-reasons"
    method = "column cleared"
    holds_keys = False
    scopes = ANY_SCOPE

    def plan(self, target: Target) -> int:
        with workspace_scope(target.workspace):
            return _said(target).count()

    def execute(self, target: Target) -> None:
        with workspace_scope(target.workspace):
            _said(target).update(reason="")

    def verify(self, target: Target) -> Evidence:
        where: str = "workspace_id = %s"
        values: list[object] = [target.workspace.id]
        if not target.whole:
            where += " and (request_id = any(%s) or subject = %s)"
            values += [list(target.requests), target.subject]
        answer = ask_auditor(
            f"select count(*) from retention_hold where {where} and released_at is not null and reason <> ''",
            tuple(values),
        )
        return Evidence(remaining=answer.count, details={"reasons": answer.count, **answer.details})


def _said(target: Target) -> QuerySet[Hold]:
    rows = Hold.objects.filter(workspace_id=target.workspace.id, released_at__isnull=False).exclude(reason="")
    if target.whole:
        return rows
    mine = Q(request_id__in=target.requests)
    return rows.filter(mine if target.subject is None else mine | Q(subject=target.subject))
