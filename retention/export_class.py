"""Exports of the audit log as a class of data that expires. `audit` is below this floor, so its class stands here."""

from __future__ import annotations

from audit import export_expiry
from cell.access import WorkspaceRef
from retention.classes import Rule
from retention.progress import advance, progress_of
from retention.terms import due_workspaces, terms_of


class Exports:
    """Files that were made to be taken home, and copies of those that their destinations acknowledged.

    Every version of an object goes before the progress is noted: a crash in between removes nothing twice and forgets nothing.
    The row stays, with the manifest's hash, so that the next export continues it.
    """

    name = "exports"
    label = "Exports of the audit log"
    ends = "the file is deleted in every version; the log itself stays, and so does the chain of exports"
    rule = Rule(default=90, fewest=7, most=400)
    leads_to_payloads = False
    batch = 20

    def due(self) -> list[WorkspaceRef]:
        return due_workspaces(
            "select workspace_id, organization_id, environment from retention_due_exports(%s)", [self.rule.default]
        )

    def expire(self, workspace: WorkspaceRef, limit: int) -> int:
        with terms_of(workspace, self) as terms:
            if terms.held is None:
                return 0
            since = progress_of(workspace, self.name)
            due = export_expiry.files_due(workspace, since=since, before=terms.before, limit=limit)
        if not due:
            return 0
        # Outside of the transaction: an object store may be slow, and no connection waits for it.
        for file in due:
            export_expiry.file_remove(file.key)
        with terms_of(workspace, self) as terms:
            advance(workspace, self.name, max(file.done_at for file in due))
            terms.record(len(due))
        return len(due)
