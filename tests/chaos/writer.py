"""``python -m tests.chaos.writer COUNT FILE TREE``: writes entries into one tree by group commit, to be killed at any line.

Reads the database's address from standard input. FILE.asked gets the id of an entry before it is written and FILE.told when the
log has acknowledged it, 16 bytes each; ends when COUNT were acknowledged, this process and those before it taken together.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from audit.actions import Action
from audit.entry import EntryActor, Kind, inference_entry, now
from audit.groupcommit import AuditUnavailable, GroupCommit, Item
from cell.ids import Tag, cell_of, tagged, untag, uuid7

AT_ONCE = 1_000
ID_BYTES = 16


class Ids:
    """A file of ids. One write call each time, so a kill leaves it whole."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.count = os.fstat(self._file).st_size // ID_BYTES

    def add(self, ids: Sequence[UUID]) -> None:
        os.write(self._file, b"".join(each.bytes for each in ids))
        self.count += len(ids)


def read_ids(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return [data[at : at + ID_BYTES] for at in range(0, len(data), ID_BYTES)]


async def write(conninfo: str, count: int, file: Path, tree: str) -> None:
    asked, told = Ids(file.with_suffix(".asked")), Ids(file.with_suffix(".told"))
    commits = GroupCommit(conninfo, limit=AT_ONCE)
    await commits.start()
    while told.count < count:
        items = [entry(tree) for _ in range(min(AT_ONCE, count - told.count))]
        asked.add([item.id for item in items])
        waiting = []
        for item in items:
            try:
                waiting.append((item.id, commits.submit(item)))
            except AuditUnavailable:
                await asyncio.sleep(0.01)
        await asyncio.gather(*(future for _, future in waiting), return_exceptions=True)
        told.add([id_ for id_, future in waiting if future.exception() is None])
    await commits.stop()


def entry(tree: str) -> Item:
    number, at = uuid7(), now()
    cell = str(cell_of(tree))
    workspace = untag(tree, Tag.WORKSPACE, cell)
    body = inference_entry(
        action=Action.INFERENCE_REQUESTED,
        id=number,
        request=number,
        at=at,
        cell=cell,
        organization=tagged(Tag.ORGANIZATION, cell, workspace),
        workspace=tree,
        actor=EntryActor(auth="key", id=None, key=tagged(Tag.KEY, cell, number), type="key"),
        scope="inference:chat",
        after={"kind": "chat", "model": "echo", "lane": "standard", "streamed": False, "redactions": {}},
    ).body()
    # As a change: of intents the cell would ask how their requests ended.
    return Item(number, tree, None, workspace, Kind.CHANGE, at, body)


if __name__ == "__main__":
    asyncio.run(write(sys.stdin.readline().strip(), int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
