"""What a request's record says about a person: the pseudonym of its subject. Erasure clears it; the figures stay."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from cell.access import WorkspaceRef
from cell.tenancy import workspace_scope
from inference.gateway.models import RequestRecord
from retention.stores import ANY_SCOPE, Evidence, Target, ask_auditor


class RequestSubjects:
    """The subjects' pseudonyms in the requests' records. A record that is written later than this comes without one: a trigger
    asks whether the request was erased. It also knows which requests a subject has.
    """

    name = "request-subjects"
    method = "column cleared"
    holds_keys = False
    scopes = ANY_SCOPE

    def plan(self, target: Target) -> int:
        with workspace_scope(target.workspace):
            return _named(target).count()

    def execute(self, target: Target) -> None:
        with workspace_scope(target.workspace):
            _named(target).update(subject=None)

    def verify(self, target: Target) -> Evidence:
        where, values = target.where("id")
        answer = ask_auditor(f"select count(*) from gateway_request where {where} and subject is not null", values)
        return Evidence(remaining=answer.count, details={"named": answer.count, **answer.details})

    def requests(self, workspace: WorkspaceRef, subject: bytes) -> list[UUID]:
        with workspace_scope(workspace):
            rows = RequestRecord.objects.filter(workspace_id=workspace.id, subject=subject).order_by("id")
            return list(rows.values_list("id", flat=True))


def _named(target: Target) -> QuerySet[RequestRecord]:
    rows = RequestRecord.objects.filter(workspace_id=target.workspace.id, subject__isnull=False)
    return rows if target.whole else rows.filter(id__in=target.requests)
