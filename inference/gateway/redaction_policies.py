"""Reading and deciding how a workspace redacts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from audit import log
from audit.actions import Action
from cell.access import Actor, Scope, WorkspaceRef
from cell.ids import Tag
from cell.keys import cell_keys
from cell.problems import Problem
from cell.tenancy import workspace_scope
from inference.gateway.models import RedactionPolicyVersion
from inference.gateway.redactors import FIRST_VERSION
from inference.gateway.taggers import tagger_problem
from inference.redaction import CompiledPolicy, Policy, PolicyError, Redactor
from inference.redaction.admission import admit
from workspaces.services.changes import notify


def redaction_policy_get(workspace: WorkspaceRef) -> Policy:
    """What is in force: what the workspace decided last, or the default, which is its first version."""
    return _in_force(workspace).policy


def redactor_get(workspace: WorkspaceRef) -> Redactor:
    """A redactor that does what the workspace decided. Raises ScanFailed."""
    return redactor_of(workspace, _in_force(workspace))


def redactor_of(workspace: WorkspaceRef, compiled: CompiledPolicy) -> Redactor:
    """A redactor of a policy that the workspace may try or has in force. Raises ScanFailed."""
    return Redactor(compiled, hash_key=redaction_key(workspace.id))


def redaction_policy_admit(document: object, version: int) -> CompiledPolicy:
    """The policy of a document as its `version`, tried within the budget. Raises Problem 400 that names every field, and 503 if it
    names a model and the engine cannot be asked for it."""
    given: Mapping[str, Any] | object = document
    if isinstance(document, Mapping):
        given = {**document, "version": version}
    try:
        policy = Policy.from_json(given)  # type: ignore[arg-type]  # it says so itself
        problem = None if policy.ner is None else tagger_problem(policy.ner)
        if problem is not None:
            raise PolicyError((("ner.model", problem),))
        return admit(policy)
    except PolicyError as error:
        errors: dict[str, list[str]] = {}
        for path, problem in error.problems:
            errors.setdefault(path, []).append(problem)
        raise Problem(400, "invalid", "Some fields are not valid.", errors=errors) from None


def redaction_policy_set(*, actor: Actor, workspace: WorkspaceRef, document: object, expected_version: int) -> Policy:
    """Decides for the workspace; every web process redacts by it within a second. The version is counted here, whatever the
    document says of it.

    Raises Problem: 400 with the paths of what is wrong, 412 if the policy is no longer at `expected_version`.
    """
    # Before the transaction, because it takes seconds.
    compiled = redaction_policy_admit(document, expected_version + 1)
    policy = compiled.policy
    with workspace_scope(workspace):
        _lock(workspace)
        before = redaction_policy_get(workspace)
        if before.version != expected_version:
            raise Problem(412, "changed-meanwhile", "The policy changed since you read it. Read it again and repeat.")
        RedactionPolicyVersion(
            workspace_id=workspace.id,
            version=policy.version,
            organization_id=workspace.organization,
            document=policy.to_json(),
            compiled=compiled.dump(),
            decided_at=timezone.now(),
        ).save(force_insert=True)
        log.record(
            actor=actor,
            action=Action.REDACTION_CHANGED,
            workspace=workspace,
            scope=Scope.REDACTION_WRITE,
            targets=[(Tag.WORKSPACE, workspace.id)],
            before=_shown(before),
            after=_shown(policy),
        )
        notify("workspace_changed", str(workspace.id))
    return policy


def redaction_key(workspace: UUID) -> bytes:
    """What keys the hashes of a workspace's values. Differs between workspaces, so that none can be linked."""
    return cell_keys().derive(f"gateway-redaction/{workspace.hex}")


def _in_force(workspace: WorkspaceRef) -> CompiledPolicy:
    with workspace_scope(workspace):
        row = RedactionPolicyVersion.objects.filter(workspace_id=workspace.id).order_by("-version").first()
    return CompiledPolicy.compile(Policy(FIRST_VERSION)) if row is None else CompiledPolicy.load(bytes(row.compiled))


def _lock(workspace: WorkspaceRef) -> None:
    """Two deciders take turns."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 19))", [str(workspace.id)])


def _shown(policy: Policy) -> dict[str, object]:
    """What the log may hold: our own words, and how many rules there are. Labels, patterns and values are typed by people."""
    own = [policy.action(rule.label).value for rule in policy.custom]
    allow, deny = policy.allow, policy.deny
    return {
        "version": policy.version,
        "default_action": policy.default_action.value,
        "actions": [f"{kind}:{entity.action}" for kind, entity in sorted(policy.entities.items())],
        "thresholds_percent": {
            kind: round(entity.min_score * 100) for kind, entity in policy.entities.items() if entity.min_score
        },
        "context_required": sorted(kind for kind, entity in policy.entities.items() if entity.context_required),
        "on_error": policy.on_error.value,
        "languages": list(policy.languages),
        "countries": list(policy.countries),
        "custom": {action: own.count(action) for action in sorted(set(own))},
        "allow": {"values": len(allow.values), "patterns": len(allow.patterns), "domains": len(allow.domains)},
        "deny": {"values": len(deny.values), "patterns": len(deny.patterns)},
        "placeholder": policy.placeholder.value,
        "routes_left_out": sorted(policy.routes.left_out),
        "output_scan": policy.output_scan.value,
        "evidence_hash": policy.evidence_hash.value,
        # The name of a model that is served, which operators choose.
        "ner": "off" if policy.ner is None else policy.ner.model,
        "ner_min_score_percent": 0 if policy.ner is None else round(policy.ner.min_score * 100),
    }
