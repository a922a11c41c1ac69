"""What a request's record says about a person: the pseudonym of its subject. Erasure clears it; the figures stay."""

from __future__ import annotations

from django.db.models import QuerySet

from cell.tenancy import workspace_scope
from inference.gateway.models import RequestRecord
from retention.stores import Evidence, Target, ask_auditor


class RequestSubjects:
    """The subject's pseudonym in the request's record. A record that is written later than this comes without one: a trigger
    asks whether the request was erased.
    """

    name = "request-subjects"
    method = "column cleared"
    holds_keys = False

    def plan(self, target: Target) -> int:
        with workspace_scope(target.workspace):
            return _named(target).count()

    def execute(self, target: Target) -> None:
        with workspace_scope(target.workspace):
            _named(target).update(subject=None)

    def verify(self, target: Target) -> Evidence:
        answer = ask_auditor(
            "select count(*) from gateway_request where id = %s and subject is not null", (target.request,)
        )
        return Evidence(remaining=answer.count, details={"named": answer.count, **answer.details})


def _named(target: Target) -> QuerySet[RequestRecord]:
    return RequestRecord.objects.filter(workspace_id=target.workspace.id, id=target.request, subject__isnull=False)
