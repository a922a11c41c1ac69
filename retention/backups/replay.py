"""Replaying the ledger: every erasure that it tells of is carried out again in databases that were put back, and then looked for.

In batches, one workspace after the other. It may be cut off anywhere and done again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connections, transaction
from django.utils import timezone

from audit import log
from audit.actions import Action, Value
from cell.access import WorkspaceRef, system_actor
from cell.auditing import connections_kept
from cell.config import config
from cell.databases import OWNER
from cell.ids import Tag, untag, uuid7
from cell.keystore import custody
from cell.keystore.witness import trace_of, workspace_trace_of
from cell.tenancy import workspace_scope
from retention import stores
from retention.backups.errors import CameBack
from retention.ledger import Ledger, LedgerLine, Mark
from retention.models import ErasureScope, Fence, Replay, Tombstone
from retention.stores import Target
from retention.terms import workspace_here

_BATCH: Final = 1000


@dataclass(slots=True)
class Replayed:
    """What a replay found in the ledger, and did."""

    mark: Mark = field(default_factory=Mark)
    requests: int = 0
    subjects: int = 0
    workspaces: int = 0
    unknown: int = 0
    """Workspaces that are not in this database, of which only keys could be left."""
    verified: dict[str, int] = field(default_factory=dict)
    """For each store, how many requests and workspaces the auditor looked for, and found nothing."""

    @property
    def shown(self) -> dict[str, Value]:
        """For an entry."""
        return {
            "tombstones": self.mark.lines,
            "requests": self.requests,
            "subjects": self.subjects,
            "workspaces": self.workspaces,
            "workspaces_unknown": self.unknown,
            "verified": dict(sorted(self.verified.items())),
            "ledger_lines": self.mark.lines,
            "ledger_head": self.mark.head,
        }


@dataclass(slots=True)
class _Stones:
    """What the ledger says of one workspace."""

    requests: dict[UUID, tuple[UUID, datetime]] = field(default_factory=dict)
    """By request: the erasure, and when it was fenced."""
    subjects: list[tuple[UUID, bytes, UUID, datetime]] = field(default_factory=list)
    """Erasure, pseudonym, lowest number that is not erased, and when it was fenced."""
    whole: tuple[UUID, UUID, datetime] | None = None
    """Erasure, lowest number of afterwards, and when it was fenced."""


def replay(ledger: Ledger) -> Replayed:
    """Erases again whatever `ledger` names, and asks every store as the auditor. Raises CameBack, LedgerBroken, MissingAuditor,
    or what a store raises that is away.
    """
    done = Replayed()
    told: dict[UUID, _Stones] = defaultdict(_Stones)
    for line, mark in ledger.after(Mark()):
        _collect(told[untag(line.workspace, Tag.WORKSPACE, config().cell)], line)
        done.mark = mark
    known = _workspaces()
    with connections_kept():
        for number, stones in sorted(told.items()):
            done.requests += len(stones.requests)
            done.subjects += len(stones.subjects)
            done.workspaces += stones.whole is not None
            if number in known:
                _bury(known[number], stones, done)
            else:
                done.unknown += 1
                _destroy_keys(number, stones)
    return done


def replayed(done: Replayed, action: Action, targets: list[str], **shown: Value) -> None:
    """Admits: the database knows the ledger up to the mark, and the log says so, in one transaction of the owner."""
    with transaction.atomic(using=OWNER):
        log.record(actor=system_actor("command"), action=action, targets=targets, after=done.shown | shown, using=OWNER)
        Replay.objects.using(OWNER).update(
            lines=done.mark.lines,
            head=done.mark.head,
            position=done.mark.position,
            restoring=None,
            replayed_at=timezone.now(),
        )


def _collect(stones: _Stones, line: LedgerLine) -> None:
    cell = config().cell
    erasure, at = untag(line.erasure, Tag.ERASURE, cell), datetime.fromisoformat(line.fenced_at)
    match ErasureScope(line.scope):
        case ErasureScope.REQUEST:
            stones.requests.setdefault(untag(line.request or "", Tag.REQUEST, cell), (erasure, at))
        case ErasureScope.SUBJECT:
            stones.subjects.append((erasure, bytes.fromhex(line.subject or ""), UUID(hex=line.before), at))
        case ErasureScope.WORKSPACE:
            stones.whole = (erasure, UUID(hex=line.before), at)


def _workspaces() -> dict[UUID, WorkspaceRef]:
    with connections[OWNER].cursor() as cursor:
        cursor.execute("select id, organization_id, environment from workspaces_workspace")
        return {
            number: workspace_here(number, organization, environment)
            for number, organization, environment in cursor.fetchall()
        }


def _bury(workspace: WorkspaceRef, stones: _Stones, done: Replayed) -> None:
    """Tombstones and fences first, so that nothing comes back behind the sweep."""
    tenant = {"workspace_id": workspace.id, "organization_id": workspace.organization}
    fences = [
        Fence(erasure_id=erasure, subject=subject, before=before, fenced_at=at, **tenant)
        for erasure, subject, before, at in stones.subjects
    ]
    if stones.whole is not None:
        erasure, before, at = stones.whole
        fences.append(Fence(erasure_id=erasure, subject=None, before=before, fenced_at=at, **tenant))
    buried = dict(stones.requests)
    with workspace_scope(workspace):
        Fence.objects.bulk_create(fences, ignore_conflicts=True, batch_size=_BATCH)
        for erasure, subject, before, at in stones.subjects:
            # What the subject asked for afterwards is a new matter, and stays.
            of_subject = (number for number in stores.requests_of(workspace, subject) if number < before)
            buried |= {request: (erasure, at) for request in of_subject if request not in buried}
        Tombstone.objects.bulk_create(
            [
                Tombstone(request_id=request, erasure_id=erasure, fenced_at=at, **tenant)
                for request, (erasure, at) in buried.items()
            ],
            ignore_conflicts=True,
            batch_size=_BATCH,
        )
        # Those that a subject's erasure found while it ran, whose records name nobody any more.
        known = Tombstone.objects.filter(workspace_id=workspace.id).values_list("request_id", flat=True)
        everyone = sorted({*buried, *known})
    for chunk in _chunks(everyone):
        _erase(Target(workspace, uuid7(), ErasureScope.REQUEST, tuple(chunk)), len(chunk), done)
    if stones.whole is not None:
        _erase(Target(workspace, stones.whole[0], ErasureScope.WORKSPACE), 1, done)


def _erase(target: Target, weight: int, done: Replayed) -> None:
    concerned = [store for store in stores.registered(target.scope) if getattr(store, "in_backups", True)]
    for store in concerned:
        store.execute(target)
    for store in concerned:
        found = store.verify(target)
        if found.remaining != 0:
            raise CameBack(f"{store.name} still holds {found.remaining} of what was erased")
        done.verified[store.name] = done.verified.get(store.name, 0) + weight


def _destroy_keys(workspace: UUID, stones: _Stones) -> None:
    """Of a workspace that is not in the database: its rows are not either, but its keys may be in a newer key store."""
    auditor = stores.keystore_auditor()
    left = 0
    for chunk in _chunks(sorted(stones.requests)):
        custody.erase_data_keys(workspace, chunk)
        left += trace_of(auditor, workspace, *chunk).with_material
    if stones.whole is not None:
        custody.destroy_workspace_key(workspace)
        left += workspace_trace_of(auditor, workspace).with_material
    if left:
        raise CameBack(f"the key store still holds {left} keys of what was erased")


def _chunks(requests: list[UUID]) -> Iterator[list[UUID]]:
    for first in range(0, len(requests), _BATCH):
        yield requests[first : first + _BATCH]
