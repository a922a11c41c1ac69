"""Rotating the key that signs the log: a new generation begins, and the one before it signs on for a stated time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from audit import signing, treestore
from audit.actions import Action
from audit.entry import now, timestamp
from audit.log import record
from audit.models import SignerGeneration
from cell.access import Actor

SHORTEST, USUAL, LONGEST = timedelta(days=1), timedelta(days=30), timedelta(days=366)
"""Overlaps: who keeps the old verifier key must have time to take the new one over."""


class RotationError(ValueError):
    """The rotation cannot be as asked; the message says what can be."""


@dataclass(frozen=True, slots=True)
class Rotation:
    generation: int
    vkey: str
    previous_vkey: str
    overlap_until: datetime
    """Until then both sign."""


def signer_rotate(*, actor: Actor, overlap: timedelta = USUAL) -> Rotation:
    """Begins the next generation. Its verifier key is in an entry of the cell's tree, which the old key signs too.

    Raises RotationError for an overlap that is too short or too long, or while another is under way.
    """
    if not SHORTEST <= overlap <= LONGEST:
        raise RotationError(f"The overlap is from {SHORTEST.days} to {LONGEST.days} days.")
    at = now()
    with transaction.atomic(), connection.cursor() as cursor:
        treestore.lock(cursor, "rotation", wait=True)
        newest, *older = signing.generations()
        if older:
            # With three keys nobody could say for how long the first is good.
            until = timestamp(max(each.signs_until or at for each in older))
            raise RotationError(f"A rotation is under way: both keys sign until {until}. Rotate again after that.")
        number = newest.number + 1
        rotation = Rotation(number, signing.signer_of(number).vkey, newest.signer.vkey, at + overlap)
        SignerGeneration.objects.create(
            generation=number, vkey=rotation.vkey, began_at=at, overlap_until=rotation.overlap_until
        )
        record(
            actor=actor,
            action=Action.SIGNER_ROTATED,
            before={"generation": newest.number, "vkey": rotation.previous_vkey},
            after={"generation": number, "vkey": rotation.vkey, "overlap_until": timestamp(rotation.overlap_until)},
        )
    signing.forget()
    return rotation
