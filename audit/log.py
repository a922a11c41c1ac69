"""Writing to the log: one call, in the transaction of the change it tells of. No entry, no change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.db import connections

from audit.actions import WORD, Action, FieldError, checked
from audit.entry import CELL_TREE, VERSION, Entry, EntryActor, Kind, now, pseudonym, timestamp
from audit.models import AuditEntry
from cell.access import Actor, ActorKind, Scope, WorkspaceRef
from cell.config import config
from cell.ids import Tag, tagged, uuid7
from cell.keys import cell_keys

Target = tuple[Tag, UUID] | str
"""What an action was done to: an id, or the name of something that has none (a model)."""


class NoTransaction(RuntimeError):
    """An entry outside a transaction could be there without its change, or the change without it."""


def record(
    *,
    actor: Actor,
    action: Action,
    workspace: WorkspaceRef | None = None,
    organization: UUID | None = None,
    scope: Scope | None = None,
    targets: Iterable[Target] = (),
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    number: UUID | None = None,
    at: datetime | None = None,
    using: str = "default",
) -> UUID:
    """Adds an entry in the caller's transaction and returns its id. It is sealed about a second after the commit.

    `before` and `after` hold the fields that changed, and only ones that `audit.actions` lists for `action`. Members are
    written as pseudonyms. `number` and `at` are for what happened elsewhere and is told here: the same number twice is refused by
    the database (django.db.IntegrityError). Raises NoTransaction or FieldError.
    """
    connection = connections[using]
    if not connection.in_atomic_block:
        raise NoTransaction(f"{action} must be recorded in the transaction of the change: open a scope first")
    if workspace is not None:
        organization = workspace.organization
    cell = config().cell
    number, at = number or uuid7(), at or now()
    tree = tree_of(workspace)
    entry = Entry(
        action=action.value,
        actor=_entry_actor(actor, workspace, organization),
        after=checked(action, after),
        before=checked(action, before),
        cell=cell,
        detail_commit=None,
        id=tagged(Tag.ENTRY, cell, number),
        organization=None if organization is None else tagged(Tag.ORGANIZATION, cell, organization),
        scope=None if scope is None else scope.value,
        targets=tuple(_target(target, workspace, organization) for target in targets),
        time=timestamp(at),
        v=VERSION,
        workspace=None if workspace is None else tree,
    )
    AuditEntry(
        id=number,
        organization_id=organization,
        workspace_id=None if workspace is None else workspace.id,
        tree=tree,
        kind=Kind.CHANGE,
        occurred_at=at,
        body=entry.body(),
    ).save(using=using, force_insert=True)
    return number


def tree_of(workspace: WorkspaceRef | None) -> str:
    """Name of the tree that holds the entries of `workspace`."""
    return CELL_TREE if workspace is None else tagged(Tag.WORKSPACE, config().cell, workspace.id)


def member_pseudonym(member: UUID, *, workspace: WorkspaceRef | None = None, organization: UUID | None = None) -> str:
    """How entries of the workspace (or, without one, of the organization) name `member`.

    Differs between workspaces. Whoever may see members can find the one behind an entry by computing this for each.
    """
    return pseudonym(_pseudonym_key(_pseudonym_owner(workspace, organization)), member.bytes)


def _pseudonym_owner(workspace: WorkspaceRef | None, organization: UUID | None) -> str:
    if workspace is not None:
        return f"workspace/{workspace.id.hex}"
    return "cell" if organization is None else f"organization/{organization.hex}"


@lru_cache(maxsize=1024)
def _pseudonym_key(owner: str) -> bytes:
    return cell_keys().derive(f"audit-pseudonym/{owner}")


def _entry_actor(actor: Actor, workspace: WorkspaceRef | None, organization: UUID | None) -> EntryActor:
    member = key = None
    if actor.kind is ActorKind.MEMBER and actor.id is not None:
        member = member_pseudonym(actor.id, workspace=workspace, organization=organization)
    elif actor.kind is ActorKind.KEY and actor.id is not None:
        key = tagged(Tag.KEY, config().cell, actor.id)
    return EntryActor(auth=actor.auth, id=member, key=key, type=actor.kind.value)


def _target(target: Target, workspace: WorkspaceRef | None, organization: UUID | None) -> str:
    if isinstance(target, str):
        if WORD.fullmatch(target) is None:
            raise FieldError("a target is an id or the name of a model")
        return target
    tag, number = target
    if tag is Tag.MEMBER:
        return f"member:{member_pseudonym(number, workspace=workspace, organization=organization)}"
    return tagged(tag, config().cell, number)
