"""What is personal about entries, as services: shown to who may know, on the record; destroyed without touching the log."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import connections, transaction

from audit import detail, pseudonyms
from audit.actions import Action
from audit.detail import DetailDamaged, OpenedDetail
from audit.log import record
from audit.models import Detail
from audit.pseudonyms import member_pseudonyms, owner_of
from audit.trees import CellReader, Reader, entries_of, scope_of
from audit.treestore import ALIAS
from cell.access import Actor, Scope, WorkspaceRef
from cell.ids import Tag
from cell.keystore import custody, maker
from cell.keystore.custody import KeyDestroyed
from cell.problems import Problem, not_found
from cell.telemetry import get_logger

_AT_ONCE = 500
"""Most entries that one entry names: it has to stay small enough for an entry bundle."""
_SWEEP = 1_000

log = get_logger(__name__)


def detail_read(*, actor: Actor, reader: Reader, entry: UUID) -> OpenedDetail:
    """What is personal about one entry, with the salt that shows that the entry meant it. That somebody read it is an entry.

    Raises Problem: 404 if there is no such entry or it has no detail, 410 if the detail was destroyed, 409 if the database
    holds something else.
    """
    workspace, organization = _whose(reader)
    with scope_of(reader):
        row = entries_of(reader).filter(pk=entry).first()
        committed = None if row is None else detail.committed(bytes(row.body))
        if row is None or committed is None or row.organization_id is None:
            raise not_found()
        sealed = Detail.objects.filter(pk=entry).first()
        try:
            if sealed is None:
                raise KeyDestroyed
            opened = detail.unseal(owner_of(workspace, organization), entry, bytes(sealed.sealed), committed)
        except KeyDestroyed:
            raise Problem(410, "detail-destroyed", "The detail was destroyed; the entry and its proof stand.") from None
        except DetailDamaged:
            log.error("audit.detail.damaged", entry=str(entry))
            text = "The database no longer holds what the entry commits to. Tell the cell's operator."
            raise Problem(409, "detail-damaged", text) from None
        record(
            actor=actor,
            action=Action.DETAIL_READ,
            workspace=workspace,
            organization=organization,
            scope=Scope.AUDIT_READ,
            targets=[(Tag.ENTRY, entry)],
        )
        return opened


def destroy_detail(*, actor: Actor, reader: Reader, entries: Sequence[UUID]) -> int:
    """Destroys the detail of `entries`, keys first, so that no copy of a row can be opened. Returns how many had one.

    May be repeated; an entry of another tenant, or without detail, is left alone. Every proof stands as before.
    """
    return sum(_destroy(actor, reader, entries[start : start + _AT_ONCE]) for start in range(0, len(entries), _AT_ONCE))


def _destroy(actor: Actor, reader: Reader, entries: Sequence[UUID]) -> int:
    workspace, organization = _whose(reader)
    owner = owner_of(workspace, organization)
    with scope_of(reader):
        mine = Detail.objects.filter(entry_id__in=entries, workspace_id=None if workspace is None else workspace.id)
        found = list(mine.values_list("entry_id", flat=True))
        custody.erase_data_keys(owner, found)
        removed, _ = mine.filter(entry_id__in=found).delete()
        if removed:
            record(
                actor=actor,
                action=Action.DETAIL_DESTROYED,
                workspace=workspace,
                organization=organization,
                targets=[(Tag.ENTRY, entry) for entry in found],
                after={"removed": removed},
            )
    return removed


def details_about(reader: Reader, member: UUID) -> list[UUID]:
    """Entries with a detail that are by or about `member`: what an erasure of that person has to destroy here."""
    workspace, organization = _whose(reader)
    names = [name.encode() for name in member_pseudonyms(member, workspace=workspace, organization=organization)]
    with scope_of(reader):
        kept = Detail.objects.filter(workspace_id=None if workspace is None else workspace.id).values("entry_id")
        rows = entries_of(reader).filter(pk__in=kept).order_by("id").values_list("id", "body")
        return [entry for entry, body in rows.iterator() if any(name in bytes(body) for name in names)]


def details_in(reader: Reader, most: int | None = None) -> list[UUID]:
    """Entries with a detail, oldest first, `most` at the most: what an erasure of the whole workspace has to destroy here."""
    workspace, _ = _whose(reader)
    with scope_of(reader):
        kept = Detail.objects.filter(workspace_id=None if workspace is None else workspace.id).order_by("entry_id")
        return list(kept.values_list("entry_id", flat=True)[:most])


def pseudonyms_renew(*, actor: Actor, reader: Reader) -> bool:
    """Destroys the key of the reader's pseudonyms: who is behind entries so far can no longer be found out by anybody.

    Entries from then on name people anew (other processes within `pseudonyms.KEY_TTL_S`). Returns whether there was a key.
    """
    workspace, organization = _whose(reader)
    with scope_of(reader):
        destroyed = pseudonyms.destroy(owner_of(workspace, organization))
        if destroyed:
            record(actor=actor, action=Action.PSEUDONYMS_RENEWED, workspace=workspace, organization=organization)
    return destroyed


def sweep() -> int:
    """Removes what is sealed under keys that are gone: those of days whose time is over. Returns how many rows went."""
    removed, after = 0, UUID(int=0)
    while True:
        with transaction.atomic(using=ALIAS), connections[ALIAS].cursor() as cursor:
            cursor.execute(
                "select entry_id from audit_detail where entry_id > %s order by entry_id limit %s", [after, _SWEEP]
            )
            entries = [entry for (entry,) in cursor.fetchall()]
            dead = [*{*entries} - maker.living_data_keys(entries)]
            cursor.execute("delete from audit_detail where entry_id = any(%s)", [dead])
        removed += len(dead)
        if len(entries) < _SWEEP:
            return removed
        after = entries[-1]


def _whose(reader: Reader) -> tuple[WorkspaceRef | None, UUID]:
    if isinstance(reader, CellReader):
        return None, reader.organization
    return reader, reader.organization
