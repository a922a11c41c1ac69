"""A dry run of redaction: what would be found in a text. The text is stored nowhere; that it was tried is on the record."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from audit import log
from audit.actions import Action
from cell.access import Actor, Scope, WorkspaceRef
from cell.problems import Problem
from cell.tenancy import workspace_scope
from inference.gateway.counts import recordable
from inference.gateway.redaction_policies import (
    redaction_policy_admit,
    redaction_policy_get,
    redactor_get,
    redactor_of,
)
from inference.gateway.taggers import recognised_now
from inference.redaction import Finding, RedactionError, Redactor

LONGEST_DRY_RUN = 100_000
"""Characters. Longer texts are found the same way; a dry run is for looking."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What was found, with what the policy does about it; and which version of the policy it was, what looked."""

    findings: tuple[tuple[Finding, str], ...]
    version: int
    layers: tuple[str, ...]


def dry_run(
    *, actor: Actor, workspace: WorkspaceRef, text: str, language: str | None = None, document: object = None
) -> DryRun:
    """Asks the policy in force, or the one of a `document` that the actor may decide.

    Raises Problem: 400 with what is wrong with the document, 403 for whoever could not decide it, 503.
    """
    try:
        redactor = redactor_get(workspace) if document is None else _tried(actor, workspace, document)
        ner = redactor.policy.ner
        recognised = None if ner is None else recognised_now(workspace, ner, text)
        findings = redactor.find(text, language, recognised=recognised)
    except RedactionError:
        raise Problem(503, "redaction-failed", "The text could not be looked through. Try again.") from None
    with workspace_scope(workspace):
        log.record(
            actor=actor,
            action=Action.REDACTION_TRIED,
            workspace=workspace,
            scope=Scope.REDACTION_READ,
            after={"redactions": recordable(Counter(finding.type for finding in findings))},
        )
    policy = redactor.policy
    found = tuple((finding, policy.action(finding.type).value) for finding in findings)
    return DryRun(found, policy.version, redactor.looked(recognised))


def _tried(actor: Actor, workspace: WorkspaceRef, document: object) -> Redactor:
    if not actor.may(Scope.REDACTION_WRITE, workspace.id):
        raise Problem(403, "missing-scope", "To try a policy that is not in force takes redaction:write.")
    version = redaction_policy_get(workspace).version + 1
    return redactor_of(workspace, redaction_policy_admit(document, version))
