"""What engines cache of prompts, as a class of data that expires."""

from __future__ import annotations

from django.utils import timezone

from cell.access import WorkspaceRef
from inference.gateway.engine_memory import forget_cache
from retention.classes import Rule
from retention.progress import advance, progress_of
from retention.terms import due_workspaces, terms_of

WORKSPACES = 20
"""In one run: each costs its next requests a cache that is warm, and the engine a pause."""


class PromptCaches:
    """Keys and values of prompts' beginnings. A workspace's cache key is drawn anew when the last drawing is as long ago as the
    class is kept, so that nothing that is older is ever found; and its blocks are zeroed. In practice they are pushed out long
    before.

    A hold does not keep a cache: any other request may push it out, and nobody can read it.
    """

    name = "caches"
    label = "Prompts in engines' caches"
    ends = "the workspace's cache key is drawn anew and its blocks are zeroed"
    rule = Rule()
    leads_to_payloads = False
    batch = 1

    def due(self) -> list[WorkspaceRef]:
        return due_workspaces(
            "select workspace_id, organization_id, environment from retention_due_renewals(%s, %s)"
            " order by reached limit %s",
            [self.name, self.rule.default, WORKSPACES],
        )

    def expire(self, workspace: WorkspaceRef, limit: int) -> int:
        with terms_of(workspace, self) as terms:
            before = terms.before
        reached = progress_of(workspace, self.name)
        if reached is not None and reached >= before:
            return 0
        now = timezone.now()
        blocks = forget_cache(workspace)
        with terms_of(workspace, self) as terms:
            advance(workspace, self.name, now)
            if blocks:
                terms.record(blocks)
        return 1
