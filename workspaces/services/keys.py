"""Issuing, rotating and revoking keys. This is the one place where a key is made, and so where no key gains a scope."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from audit import log
from audit.actions import Action
from cell.access import Actor, Scope, WorkspaceRef
from cell.config import config
from cell.ids import Tag
from cell.keys import cell_keys
from cell.problems import Problem, not_found
from cell.tenancy import organization_scope
from workspaces.access import number_of
from workspaces.addresses import parse_networks
from workspaces.contracts import IssuedKey, KeyInfo
from workspaces.models import Key, Workspace, WorkspaceState
from workspaces.selectors import key_info, key_rows
from workspaces.services.changes import notify, validate
from workspaces.tokens import PEPPER_PURPOSE, hash_secret, issue

DEFAULT_DAYS, MOST_DAYS = 90, 365
DEFAULT_OVERLAP, LONGEST_OVERLAP = timedelta(days=1), timedelta(days=7)
MOST_CIDRS = 50


def key_issue(
    *,
    actor: Actor,
    organization: UUID,
    workspace: WorkspaceRef | None,
    name: str,
    scopes: Collection[Scope],
    days: int = DEFAULT_DAYS,
    cidrs: Sequence[str] = (),
) -> IssuedKey:
    """A new key of `workspace`, or of the whole organization without one. Its token is in the answer and nowhere else.

    Raises Problem: 403 if the actor lacks one of the scopes, 400 if a value is not valid.
    """
    if not 1 <= days <= MOST_DAYS:
        raise Problem(400, "invalid", f"A key lives 1 to {MOST_DAYS} days.")
    with organization_scope(organization):
        return _insert(actor, organization, workspace, name, scopes, timezone.now() + timedelta(days=days), cidrs, None)


def key_rotate(
    *,
    actor: Actor,
    organization: UUID,
    workspace: WorkspaceRef | None,
    key: str,
    overlap: timedelta = DEFAULT_OVERLAP,
) -> IssuedKey:
    """A successor with the same rights and the same span of life; the old key goes on working for `overlap`.

    Raises Problem: 404, 409 if the old key is revoked or expired, 403 if the actor lacks one of its scopes.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise Problem(400, "invalid", f"The overlap is at most {LONGEST_OVERLAP.days} days.")
    with organization_scope(organization):
        old = _locked(organization, workspace, key)
        now = timezone.now()
        if old.revoked_at is not None or old.expires_at <= now:
            raise Problem(409, "key-ended", "This key is revoked or expired. Issue a new one.")
        scopes = [Scope(scope) for scope in old.scopes]
        expires_at = now + (old.expires_at - old.created_at)
        successor = _insert(actor, organization, workspace, old.name, scopes, expires_at, old.cidrs, old)
        before = old.expires_at
        old.expires_at = min(before, now + overlap)
        old.save(update_fields=["expires_at"])
        notify("key_changed", old.key_id)
        log.record(
            actor=actor,
            action=Action.KEY_ROTATED,
            workspace=workspace,
            organization=organization,
            scope=Scope.KEYS_WRITE,
            targets=[(Tag.KEY, old.id), successor.key.id],
            before={"expires_at": _instant(before)},
            after={"expires_at": _instant(old.expires_at)},
        )
    return successor


def key_revoke(*, actor: Actor, organization: UUID, workspace: WorkspaceRef | None, key: str) -> KeyInfo:
    """Ends a key at once, in every process within a second. Revoking it again changes nothing. Raises Problem 404."""
    with organization_scope(organization):
        row = _locked(organization, workspace, key)
        if row.revoked_at is None:
            row.revoked_at = timezone.now()
            row.save(update_fields=["revoked_at"])
            notify("key_changed", row.key_id)
            log.record(
                actor=actor,
                action=Action.KEY_REVOKED,
                workspace=workspace,
                organization=organization,
                scope=Scope.KEYS_WRITE,
                targets=[(Tag.KEY, row.id)],
                before={"state": "active"},
                after={"state": "revoked"},
            )
        return key_info(row)


def _is_erased(workspace: WorkspaceRef) -> bool:
    # Locked, so that no key is issued while the workspace is being closed.
    row = Workspace.objects.select_for_update().filter(id=workspace.id).first()
    return row is not None and row.state == WorkspaceState.ERASED


def _insert(
    actor: Actor,
    organization: UUID,
    workspace: WorkspaceRef | None,
    name: str,
    scopes: Collection[Scope],
    expires_at: datetime,
    cidrs: Sequence[str],
    successor_of: Key | None,
) -> IssuedKey:
    held = actor.scopes if workspace is None else actor.scopes_in(workspace.id)
    if workspace is not None and _is_erased(workspace):
        raise Problem(409, "workspace-erased", "This workspace was erased; it gets no keys any more.")
    if lacking := sorted(set(scopes) - held):
        raise Problem(403, "scope-not-held", "You cannot give a key scopes that you lack.", scopes=lacking)
    if not scopes:
        raise Problem(400, "invalid", "A key needs at least one scope.")
    if len(cidrs) > MOST_CIDRS:
        raise Problem(400, "invalid", f"A key has at most {MOST_CIDRS} networks.")
    try:
        networks = parse_networks(cidrs)
    except ValueError as error:
        raise Problem(400, "invalid", f"{error}.") from error
    token = issue(config().cell)
    row = Key(
        key_id=token.key_id,
        organization_id=organization,
        workspace_id=workspace.id if workspace else None,
        name=name,
        secret_hash=hash_secret(token.secret, cell_keys().derive(PEPPER_PURPOSE)),
        scopes=sorted(set(scopes)),
        cidrs=[str(network) for network in networks],
        expires_at=expires_at,
        successor_of=successor_of.id if successor_of else None,
    )
    validate(row)
    row.save(force_insert=True)
    info = key_info(row)
    log.record(
        actor=actor,
        action=Action.KEY_ISSUED,
        workspace=workspace,
        organization=organization,
        scope=Scope.KEYS_WRITE,
        targets=[(Tag.KEY, row.id)],
        after={
            "scopes": [scope.value for scope in info.scopes],
            "expires_at": _instant(expires_at),
            "networks": len(cidrs),
        },
    )
    return IssuedKey(info, str(token))


def _locked(organization: UUID, workspace: WorkspaceRef | None, key: str) -> Key:
    number = number_of(key, Tag.KEY)
    row = key_rows(organization, workspace).select_for_update().filter(id=number).first()
    if row is None:
        raise not_found()
    return row


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
