"""Requests' records as classes of data that expire: first whom they are about, much later their figures.

Usage by day is counted from them before they go, and stays.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from uuid import UUID

from django.db.models import BooleanField, F, Func, QuerySet

from cell.access import WorkspaceRef
from cell.ids import earliest
from inference.gateway.models import RequestRecord, UsageCount
from retention.classes import Rule
from retention.models import PAYLOAD_DAYS
from retention.terms import Terms, due_workspaces, terms_of


class SubjectPseudonyms:
    """By which requests are found whose subject wants to know of them, or to have them erased."""

    name = "subjects"
    label = "Whom requests are about"
    ends = "the pseudonym is cleared; the request's figures stay"
    rule = Rule()
    leads_to_payloads = True
    batch = 1000

    def due(self) -> list[WorkspaceRef]:
        return _due("gateway_due_subjects", self.rule)

    def expire(self, workspace: WorkspaceRef, limit: int) -> int:
        with terms_of(workspace, self) as terms:
            due = _oldest(terms, terms.before, limit, subject__isnull=False)
            removed = RequestRecord.objects.filter(workspace_id=workspace.id, id__in=due).update(subject=None)
            if removed:
                terms.record(removed)
        return removed


class RequestRecords:
    """Model, key, token counts, duration, how it ended: without the pseudonym they name nobody, and bills and questions about
    them come late. Hence the longer rule.
    """

    name = "request_records"
    label = "Records of requests"
    ends = "the row is deleted; usage by day stays, a sum that names nobody"
    rule = Rule(default=90, fewest=7, most=400)
    leads_to_payloads = True
    batch = 1000

    def due(self) -> list[WorkspaceRef]:
        return _due("gateway_due_records", self.rule)

    def expire(self, workspace: WorkspaceRef, limit: int) -> int:
        with terms_of(workspace, self) as terms:
            # What is not counted yet is not lost to usage: a day is open until every request of it has ended.
            counted = datetime.combine(UsageCount.objects.get().open_day, time.min, UTC)
            due = _oldest(terms, min(terms.before, counted), limit)
            removed, _ = RequestRecord.objects.filter(workspace_id=workspace.id, id__in=due).delete()
            if removed:
                terms.record(removed)
        return removed


def _due(function: str, rule: Rule) -> list[WorkspaceRef]:
    statement = f"select workspace_id, organization_id, environment from {function}(%s, %s)"
    return due_workspaces(statement, [rule.default, PAYLOAD_DAYS])


def _oldest(terms: Terms, before: datetime, limit: int, **narrower: bool) -> list[UUID]:
    """The oldest requests of before, without those that are held or have a payload still; a request's id begins with its time."""
    if terms.held is None:
        return []
    rows: QuerySet[RequestRecord] = RequestRecord.objects.filter(
        workspace_id=terms.workspace.id, id__lt=earliest(before.timestamp()), **narrower
    )
    kept = Func(F("id"), function="retention_keeps_payload", output_field=BooleanField())
    free = rows.exclude(id__in=terms.held).alias(kept=kept).filter(kept=False).order_by("id")
    return list(free.values_list("id", flat=True)[:limit])
