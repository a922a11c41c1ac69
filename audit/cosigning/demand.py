"""Co-signatures for something that is about to be handed out: asked for at once, and not waited for longer than a moment."""

from __future__ import annotations

from time import monotonic

from audit.cosigning import rows
from audit.cosigning.job import settled
from audit.cosigning.rounds import MOST_AT_ONCE, Question

WITHIN_S = 3.0
"""Beyond that it goes out with the co-signatures that there are."""
NEWEST = None

Wanted = tuple[str, int | None]
"""A tree, and the size of its checkpoint, or `NEWEST`."""


def cosign_soon(*wanted: Wanted, within_s: float = WITHIN_S) -> None:
    """Asks the witnesses of each tree for its checkpoint. Whether anybody co-signed is to be seen in the checkpoints then.

    For a process that may seal, outside of every transaction. A witness that failed lately is not asked.
    """
    until = monotonic() + within_s
    # A half for a witness's first answer, and a half for the one after it named another size.
    settled(_questions(wanted), within_s=within_s / 2)
    moving = [each for each in wanted if each[1] is NEWEST]
    # Others who hand something out move such a tree on at the same time: once more, if it did and nobody was slow.
    if monotonic() < until and (more := _questions(moving)):
        settled(more, within_s=(until - monotonic()) / 2)


def _questions(wanted: tuple[Wanted, ...] | list[Wanted]) -> list[Question]:
    found: list[Question] = []
    for tree, size in wanted:
        checkpoint = rows.newest(tree) if size is NEWEST else rows.checkpoint_at(tree, size)
        if checkpoint is not None:
            willing = rows.willing(tree, checkpoint.size)
            found += [Question(asked, checkpoint) for asked in willing if asked.size <= checkpoint.size]
    return found[:MOST_AT_ONCE]
