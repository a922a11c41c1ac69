"""Payloads as a class of data that expires: keys first, so that no copy of a row outlives its time readable."""

from __future__ import annotations

from audit import log
from audit.actions import Action
from cell.access import WorkspaceRef, system_actor
from cell.keystore import custody
from cell.telemetry import get_logger
from retention.classes import PAYLOADS, Rule
from retention.models import PAYLOAD_DAYS, Payload
from retention.terms import due_workspaces, terms_of

logger = get_logger(__name__)


class Payloads:
    """Prompts and answers. The keys go first, and in another database: a crash in between leaves rows that nobody can read and
    that are due still.
    """

    name = PAYLOADS
    label = "Prompts and answers"
    ends = "the keys that open them are destroyed, then the sealed texts are deleted"
    rule = Rule()
    leads_to_payloads = False
    batch = 500

    def due(self) -> list[WorkspaceRef]:
        return due_workspaces(
            "select workspace_id, organization_id, environment from retention_due_workspaces(%s)", [PAYLOAD_DAYS]
        )

    def expire(self, workspace: WorkspaceRef, limit: int) -> int:
        with terms_of(workspace, self) as terms:
            if terms.held is None:
                return 0
            old = Payload.objects.filter(workspace_id=workspace.id, stored_at__lt=terms.before)
            found = old.exclude(id__in=terms.held).order_by("stored_at")
            due = list(found.values_list("id", flat=True)[:limit])
            if not due:
                return 0
            keys = custody.expire_data_keys(workspace.id, due)
            removed, _ = Payload.objects.filter(workspace_id=workspace.id, id__in=due).delete()
            if removed:
                log.record(
                    actor=system_actor("job", workspace.organization),
                    action=Action.PAYLOADS_EXPIRED,
                    workspace=workspace,
                    after={"removed": removed, "keys_destroyed": keys, "payload_days": terms.days},
                )
        logger.info("payloads.expired", workspace=str(workspace.id), rows=removed, days=terms.days)
        return removed
