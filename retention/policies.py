"""Reading and deciding how long a workspace keeps what."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connection
from django.utils import timezone

from audit import log
from audit.actions import Action
from cell.access import Actor, Scope, WorkspaceRef
from cell.ids import Tag
from cell.problems import Problem
from cell.tenancy import workspace_scope
from retention.classes import Rule, beside_payloads
from retention.contracts import Policy
from retention.models import LONGEST_DAYS, SHORTEST_DAYS, RetentionPolicy
from workspaces.access import require_owner

WORKSPACE_CHANGED = "workspace_changed"
"""Channel on which every web process hears that what it caches about a workspace is old."""


def retention_policy(workspace: WorkspaceRef) -> Policy:
    """What the workspace decided, or the default: nothing is stored."""
    with workspace_scope(workspace):
        row = RetentionPolicy.objects.filter(workspace_id=workspace.id).first()
    return Policy() if row is None else _policy(row)


def retention_policy_set(
    *,
    actor: Actor,
    workspace: WorkspaceRef,
    store_payloads: bool,
    payload_days: int,
    reason: str,
    expected_version: int,
    classes: Mapping[str, int] | None = None,
) -> Policy:
    """Decides for the workspace, with effect on what is stored already. Returns the new policy.

    `classes` has the days of classes beside payloads; those that it does not name stay as they were. Days outside of a class's
    rule (7 to 30 for payloads) take a reason and an owner: someone who holds every scope in the whole organization.
    Raises Problem: 400 or 403 for the days, 412 if the policy is no longer at `expected_version`.
    """
    with workspace_scope(workspace):
        _lock(workspace)
        before = retention_policy(workspace)
        decided = dict(before.classes) | dict(classes or {})
        overridden = _check_days(actor, payload_days, decided, reason)
        if before.version != expected_version:
            raise Problem(412, "changed-meanwhile", "The policy changed since you read it. Read it again and repeat.")
        row = RetentionPolicy(
            workspace_id=workspace.id,
            organization_id=workspace.organization,
            store_payloads=store_payloads,
            payload_days=payload_days,
            classes=decided,
            reason=reason if overridden else "",
            version=before.version + 1,
            updated_at=timezone.now(),
        )
        if before.version == 0:
            row.save(force_insert=True)
        else:
            row.save(update_fields=["store_payloads", "payload_days", "classes", "reason", "version", "updated_at"])
        log.record(
            actor=actor,
            action=Action.RETENTION_CHANGED,
            workspace=workspace,
            scope=Scope.RETENTION_WRITE,
            targets=[(Tag.WORKSPACE, workspace.id)],
            before=_shown(before),
            after=_shown(_policy(row)),
        )
        with connection.cursor() as cursor:
            cursor.execute("select pg_notify(%s, %s)", [WORKSPACE_CHANGED, str(workspace.id)])
    return _policy(row)


def _check_days(actor: Actor, payload_days: int, classes: Mapping[str, int], reason: str) -> bool:
    """Whether some of the days needed a reason. Raises Problem where they needed one, or somebody else, or are no days at all."""
    known = beside_payloads()
    if not classes.keys() <= known.keys():
        raise Problem(400, "invalid", f"The classes that a policy can name are {', '.join(sorted(known))}.")
    asked = {"payload_days": (payload_days, Rule())}
    asked |= {name: (days, known[name].rule) for name, days in classes.items()}
    overridden = False
    for name, (days, rule) in asked.items():
        if not SHORTEST_DAYS <= days <= LONGEST_DAYS:
            raise Problem(400, "invalid", f"{name} must be between {SHORTEST_DAYS} and {LONGEST_DAYS}.")
        if rule.allows(days):
            continue
        overridden = True
        if not reason.strip():
            detail = f"Outside of {rule.fewest} to {rule.most} days a reason is needed ({name}): send it in `reason`."
            raise Problem(400, "reason-required", detail)
        require_owner(actor, f"choose less than {rule.fewest} or more than {rule.most} days")
    return overridden


def _lock(workspace: WorkspaceRef) -> None:
    """Two deciders take turns, also while there is no row to lock yet."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 18))", [str(workspace.id)])


def _policy(row: RetentionPolicy) -> Policy:
    return Policy(row.store_payloads, row.payload_days, row.reason, row.version, row.updated_at, row.classes)


def _shown(policy: Policy) -> dict[str, object]:
    """A reason is typed by a person: that there was one is on the record, what it said is in the policy."""
    shown: dict[str, object] = {
        "store_payloads": policy.store_payloads,
        "payload_days": policy.payload_days,
        "overridden": bool(policy.reason),
        "version": policy.version,
    }
    return shown | ({"classes": dict(policy.classes)} if policy.classes else {})
