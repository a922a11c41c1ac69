"""A witness that says the log was rewritten. Either it is right, or the database was put back, or the witness lies: all three are
for people to look at, so it is told in the log, to the operator and in a figure."""

from __future__ import annotations

from django.db import transaction

from audit.actions import Action
from audit.cosigning import rows
from audit.cosigning.rows import Asked
from audit.log import record
from cell.access import system_actor
from cell.ids import Tag
from cell.telemetry import get_logger

log = get_logger(__name__)


def tell(asked: Asked, *, size: int, cause: str, known: int) -> None:
    """Of the checkpoint at `size`. `cause` is `rewritten` when that does not grow out of the `known` entries that the witness
    co-signed, `rolled-back` when those are more than there are.

    The entry is written when a witness begins to say so; each time that it is asked again the error is logged again.
    """
    workspace = None if asked.workspace is None else str(asked.workspace.id)
    key = asked.key.name if asked.workspace is None else asked.key.hash.hex()
    log.error("audit.witness.refused", key=key, workspace=workspace, tree=asked.tree, size=size, reason=cause)
    if not asked.refused:
        _record(asked, size, cause, known)
    # After the entry: who is cut off between the two tells it twice rather than never.
    rows.refuse(asked, cause)


def _record(asked: Asked, size: int, cause: str, known: int) -> None:
    after = {
        "witness": asked.key.hash.hex(),
        "cause": cause,
        "size": size,
        "cosigned_size": known,
    }
    owner = asked.workspace
    actor = system_actor("job", None if owner is None else owner.organization)
    with transaction.atomic():
        # In the cell's log too if it is a workspace's: the log that is said to be rewritten is not the only one to say so.
        record(
            actor=actor,
            action=Action.WITNESS_REFUSED,
            organization=None if owner is None else owner.organization,
            targets=[asked.tree] if owner is None else [(Tag.WORKSPACE, owner.id)],
            after=after,
        )
        if owner is not None:
            record(actor=actor, action=Action.WITNESS_REFUSED, workspace=owner, after=after)
