"""Whether this database knows every erasure of the ledger. A process that serves asks before it admits anything, and goes on
asking: a database that was put back, by whatever tool, brings erased data back until the ledger is replayed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final
from uuid import UUID

from django.db import connection

from cell.config import config
from cell.ids import Tag, untag
from retention.backups.errors import NotReplayed
from retention.ledger import Ledger, LedgerBehind, LedgerLine, Mark
from retention.models import Replay

_BATCH: Final = 1000


def erasure_ledger() -> Ledger:
    """The cell's own."""
    return Ledger(config().home / "erasures" / "ledger.jsonl")


def look(ledger: Ledger | None = None) -> int:
    """How many erasures were announced in the ledger by a worker that died before it could fence them here: 0 admits traffic.

    Their jobs do it again within seconds, so a worker may start meanwhile. Moves the database's mark over the lines that it
    knows. Raises NotReplayed if nothing at all may start: the database is from before an erasure, a restore was not
    finished, or the ledger is an older one than the database knows. Raises LedgerBroken if it was altered.
    """
    row = Replay.objects.get()
    if row.restoring is not None:
        raise NotReplayed(
            "A restore of this cell was not finished. Begin again, with an empty database: bailiwick restore."
        )
    seen = reached = Mark(row.lines, row.head, row.position)
    pending = unknown = 0
    try:
        for chunk in batches((ledger or erasure_ledger()).after(seen), _BATCH):
            strange = _strange([line for line, _ in chunk])
            for line, mark in chunk:
                standing = strange.get(_erasure(line))
                pending += standing == "pending"
                unknown += standing == "unknown"
                if standing is None and reached.lines + 1 == mark.lines:
                    reached = mark
    except LedgerBehind as error:
        raise NotReplayed(f"This is not the newest ledger of erasures: {error}. Put the newest copy back.") from error
    if unknown:
        raise NotReplayed(
            f"The ledger of erasures has {unknown} that this database was never told: it is from before them. "
            "Replay them: bailiwick backup replay."
        )
    if reached.lines > seen.lines:
        with connection.cursor() as cursor:
            cursor.execute(
                "select retention_advance_replay(%s, %s, %s, %s)",
                (seen.lines, reached.lines, reached.head, reached.position),
            )
    return pending


def _strange(lines: list[LedgerLine]) -> dict[UUID, str]:
    """Erasures without a tombstone here, and why."""
    cell = config().cell
    erasures = [str(_erasure(line)) for line in lines]
    requests = [None if line.request is None else str(untag(line.request, Tag.REQUEST, cell)) for line in lines]
    with connection.cursor() as cursor:
        cursor.execute(
            "select erasure_id, standing from retention_strange_tombstones(%s::uuid[], %s::uuid[])",
            [erasures, requests],
        )
        return dict(cursor.fetchall())


def _erasure(line: LedgerLine) -> UUID:
    return untag(line.erasure, Tag.ERASURE, config().cell)


def batches(lines: Iterable[tuple[LedgerLine, Mark]], size: int) -> Iterator[list[tuple[LedgerLine, Mark]]]:
    """As lists of `size` at most."""
    left = iter(lines)
    while chunk := list(islice(left, size)):
        yield chunk
