"""The rows of witnesses and of their co-signatures, as the one sees them who asks: of all tenants, as the sealer's role.

Whoever asks claims a witness for a while. Killed at any line, they leave it due again; two never ask one witness for one tree.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connections, transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from audit.entry import CELL_TREE, now
from audit.models import Checkpoint, Cosignature, TreeWitness
from audit.trees import SUPER_TREE
from audit.treestore import ALIAS
from audit.witness.client import Line
from cell.access import WorkspaceRef
from cell.config import config
from cell.ids import uuid7
from cell.witness_config import CellWitness
from cell.witness_key import WitnessKey

CLAIMED = timedelta(seconds=60)
"""Longer than asking takes; then another may."""
FIRST_WAIT_S, LONGEST_WAIT_S = 15, 600
"""After failures in a row."""
REFUSED_WAIT = timedelta(days=1)
"""A witness that says the log was rewritten is asked again, and heard again, so often."""
CELL_TREES = (CELL_TREE, SUPER_TREE)
"""What the cell's witnesses co-sign; through the second every other log."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A witness of one tree, to be asked."""

    id: UUID
    tree: str
    workspace: WorkspaceRef | None
    """Whose tree and witness it is; None for the cell's."""
    key: WitnessKey
    url: str
    ca: str
    size: int
    """Of the checkpoint that it co-signed last, as we believe."""
    failures: int
    refused: bool


def name_cell(witnesses: Sequence[CellWitness]) -> None:
    """Makes the rows of the cell's trees those that the configuration names."""
    named = {str(witness.key) for witness in witnesses}
    with transaction.atomic(using=ALIAS):
        rows = TreeWitness.objects.using(ALIAS).filter(workspace_id__isnull=True)
        there = set(rows.values_list("tree", "vkey"))
        if dropped := [row.id for row in rows if row.vkey not in named]:
            rows.filter(pk__in=dropped).delete()
        TreeWitness.objects.using(ALIAS).bulk_create(
            [
                TreeWitness(id=uuid7(), tree=tree, vkey=vkey, created_at=now(), next_at=now())
                for tree in CELL_TREES
                for vkey in sorted(named)
                if (tree, vkey) not in there
            ],
            ignore_conflicts=True,
        )


def claim(limit: int) -> list[Asked]:
    """Up to `limit` witnesses that are due: the cell's, then the longest due. Nobody else gets them for `CLAIMED`."""
    theirs = ExpressionWrapper(Q(workspace_id__isnull=False), output_field=BooleanField())
    with transaction.atomic(using=ALIAS):
        due = TreeWitness.objects.using(ALIAS).filter(next_at__lte=now()).order_by(theirs, "next_at")
        found = list(due.select_for_update(skip_locked=True)[:limit])
        TreeWitness.objects.using(ALIAS).filter(pk__in=[row.id for row in found]).update(next_at=now() + CLAIMED)
    return [_asked(row) for row in found]


def willing(tree: str, size: int) -> list[Asked]:
    """Witnesses of `tree` that have not co-signed its checkpoint at `size` and that nothing speaks against asking now."""
    rows = TreeWitness.objects.using(ALIAS).filter(tree=tree, refused_at__isnull=True)
    there = set(Cosignature.objects.using(ALIAS).filter(tree=tree, size=size).values_list("vkey", flat=True))
    return [_asked(row) for row in rows if row.vkey not in there and (not row.failures or row.next_at <= now())]


def newest(tree: str) -> Checkpoint | None:
    """The newest checkpoint of the tree."""
    return Checkpoint.objects.using(ALIAS).filter(tree=tree).order_by("-size").first()


def checkpoint_at(tree: str, size: int) -> Checkpoint | None:
    return Checkpoint.objects.using(ALIAS).filter(tree=tree, size=size).first()


def keep(asked: Asked, size: int, line: Line) -> None:
    """Keeps a co-signature of the checkpoint at `size`, and asks for the next one in time."""
    with transaction.atomic(using=ALIAS):
        Cosignature.objects.using(ALIAS).bulk_create(
            [
                Cosignature(
                    tree=asked.tree,
                    workspace_id=None if asked.workspace is None else asked.workspace.id,
                    size=size,
                    vkey=str(asked.key),
                    line=line.text,
                    created_at=now(),
                )
            ],
            # It may have been asked twice, by an export besides: either line will do.
            ignore_conflicts=True,
        )
        # What a later request brought home first is further on than this one.
        _row(asked).filter(size__lte=size).update(
            size=size,
            cosigned_at=datetime.fromtimestamp(line.at, UTC),
            next_at=_next_time(asked.tree),
            failures=0,
            cause="",
            refused_at=None,
        )


def wait(asked: Asked, *, until: datetime | None = None) -> None:
    """Nothing came of it and nothing is wrong: asked again at its next time, or at `until`."""
    _row(asked).update(next_at=until or _next_time(asked.tree))


def fail(asked: Asked, cause: str) -> None:
    """Asked again after a wait that grows."""
    seconds = min(FIRST_WAIT_S * 2 ** min(asked.failures, 20), LONGEST_WAIT_S)
    _row(asked).update(failures=asked.failures + 1, cause=cause, next_at=now() + timedelta(seconds=seconds))


def refuse(asked: Asked, cause: str) -> None:
    """It says that the log was rewritten: asked again in a day."""
    rows = _row(asked)
    rows.filter(refused_at__isnull=True).update(refused_at=now())
    rows.update(failures=asked.failures + 1, cause=cause, next_at=now() + REFUSED_WAIT)


def try_lock() -> bool:
    """Makes this session the only one that asks, until `unlock`: asking is not to take every worker at once."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(hashtextextended('audit/cosigning', 0))")
        return bool(cursor.fetchone() == (True,))


def unlock() -> None:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute("select pg_advisory_unlock(hashtextextended('audit/cosigning', 0))")


def _row(asked: Asked) -> QuerySet[TreeWitness]:
    return TreeWitness.objects.using(ALIAS).filter(pk=asked.id)


def _next_time(tree: str) -> datetime:
    """The tree's next turn: the same for all its witnesses, so that they co-sign one checkpoint, and not that of other trees."""
    every = config().witness_s
    shift = zlib.crc32(tree.encode()) % every
    turns = (now().timestamp() - shift) // every + 1
    return datetime.fromtimestamp(turns * every + shift, UTC)


def _asked(row: TreeWitness) -> Asked:
    key = WitnessKey.parse(row.vkey)
    workspace = None
    if row.workspace_id is not None and row.organization_id is not None:
        workspace = WorkspaceRef(row.workspace_id, row.organization_id, config().region)
    return Asked(row.id, row.tree, workspace, key, row.url, row.ca, row.size, row.failures, row.refused_at is not None)
