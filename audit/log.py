"""Writing to the log: one call, in the transaction of the change it tells of. No entry, no change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import connections

from audit import detail as details
from audit.actions import WORD, Action, FieldError, checked
from audit.entry import CELL_TREE, LARGEST, VERSION, Entry, EntryActor, Kind, now, timestamp
from audit.models import AuditEntry, Detail
from audit.pseudonyms import member_pseudonym, owner_of
from cell.access import Actor, ActorKind, Scope, WorkspaceRef
from cell.config import config
from cell.ids import Tag, tagged, uuid7
from cell.keystore.asking import KeyRevoked, KeyStoreUnavailable
from cell.own_ids import own_id
from cell.problems import Problem

Target = tuple[Tag, UUID] | str
"""What an action was done to: an id, or the name of something that has none (a model)."""


class KeysUnavailable(Problem):
    """The key store is away, and an entry about a person cannot be written without it: no entry, no change."""

    wait = 5

    def __init__(self) -> None:
        super().__init__(503, "keys-unavailable", "The key store does not answer; nothing was changed. Try again soon.")


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
    detail: Mapping[str, str] | None = None,
    using: str = "default",
) -> UUID:
    """Adds an entry in the caller's transaction and returns its id. It is sealed about a second after the commit.

    `before` and `after` hold the fields that changed, and only ones that `audit.actions` lists for `action`. Members are
    written as pseudonyms. `number` and `at` are for what happened elsewhere and is told here: the same number twice is refused by
    the database (django.db.IntegrityError). `detail` holds what is personal about it (`audit.detail.FIELDS`) and is sealed beside
    the entry, which commits to it; an entry of no organization has none. Raises NoTransaction, FieldError or KeysUnavailable.
    """
    connection = connections[using]
    if not connection.in_atomic_block:
        raise NoTransaction(f"{action} must be recorded in the transaction of the change: open a scope first")
    if workspace is not None:
        organization = workspace.organization
    cell = config().cell
    number, at = number or uuid7(), at or now()
    tree = tree_of(workspace)
    with _keys():
        sealed = _sealed(number, detail, workspace, organization)
        entry = Entry(
            action=action.value,
            actor=_entry_actor(actor, workspace, organization),
            after=checked(action, after),
            before=checked(action, before),
            cell=cell,
            detail_commit=None if sealed is None else sealed.commitment,
            id=tagged(Tag.ENTRY, cell, number),
            organization=None if organization is None else tagged(Tag.ORGANIZATION, cell, organization),
            scope=None if scope is None else scope.value,
            targets=tuple(_target(target, workspace, organization) for target in targets),
            time=timestamp(at),
            v=VERSION,
            workspace=None if workspace is None else tree,
        )
    body = entry.body()
    if len(body) > LARGEST:
        raise FieldError(f"an entry has at most {LARGEST} bytes: name fewer targets in one")
    AuditEntry(
        id=number,
        organization_id=organization,
        workspace_id=None if workspace is None else workspace.id,
        tree=tree,
        kind=Kind.CHANGE,
        occurred_at=at,
        body=body,
    ).save(using=using, force_insert=True)
    if sealed is not None and organization is not None:
        Detail(
            entry_id=number,
            organization_id=organization,
            workspace_id=None if workspace is None else workspace.id,
            sealed=sealed.sealed,
            created_at=at,
        ).save(using=using, force_insert=True)
    return number


def tree_of(workspace: WorkspaceRef | None) -> str:
    """Name of the tree that holds the entries of `workspace`."""
    return CELL_TREE if workspace is None else own_id(Tag.WORKSPACE, workspace.id)


@contextmanager
def _keys() -> Iterator[None]:
    try:
        yield
    except KeyStoreUnavailable as error:
        raise KeysUnavailable from error


def _sealed(
    number: UUID, detail: Mapping[str, str] | None, workspace: WorkspaceRef | None, organization: UUID | None
) -> details.SealedDetail | None:
    if not detail:
        return None
    if organization is None:
        raise FieldError("an entry of no organization has no detail: nobody could be shown it")
    try:
        return details.seal(owner_of(workspace, organization), number, detail, organization=organization)
    except KeyRevoked:
        # Whoever took the key away said that nothing personal is to be kept: the entry stands without it.
        return None


def _entry_actor(actor: Actor, workspace: WorkspaceRef | None, organization: UUID | None) -> EntryActor:
    member = key = None
    if actor.kind is ActorKind.MEMBER and actor.id is not None:
        member = member_pseudonym(actor.id, workspace=workspace, organization=organization)
    elif actor.kind is ActorKind.KEY and actor.id is not None:
        key = own_id(Tag.KEY, actor.id)
    return EntryActor(auth=actor.auth, id=member, key=key, type=actor.kind.value)


def _target(target: Target, workspace: WorkspaceRef | None, organization: UUID | None) -> str:
    if isinstance(target, str):
        if WORD.fullmatch(target) is None:
            raise FieldError("a target is an id or the name of a model")
        return target
    tag, number = target
    if tag is Tag.MEMBER:
        return f"member:{member_pseudonym(number, workspace=workspace, organization=organization)}"
    return own_id(tag, number)
