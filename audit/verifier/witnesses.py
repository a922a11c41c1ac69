"""Whose co-signatures a reader wants to see on a checkpoint, and whether they are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from audit.verifier.verdict import Tampered, Untrusted
from audit.witness.cosignature import BadCosignature, cosigned
from cell.notes import MalformedNote
from cell.witness_key import WitnessKey


@dataclass(frozen=True, slots=True)
class Quorum:
    """At least `needed` of `witnesses` have to have co-signed; with none, co-signatures are not looked at."""

    witnesses: tuple[WitnessKey, ...] = ()
    needed: int = 0

    @classmethod
    def parse(cls, vkeys: Sequence[str], needed: int | None = None) -> Self:
        """All of `vkeys` if `needed` is not said. Raises Tampered for a text that is no witness's key."""
        try:
            witnesses = tuple(WitnessKey.parse(vkey) for vkey in dict.fromkeys(vkeys))
        except MalformedNote as error:
            raise Tampered(str(error)) from None
        return cls(witnesses, len(witnesses) if needed is None else needed)

    def check(self, what: str, *checkpoints: str) -> list[str]:
        """Who co-signed the checkpoint, or the tree of checkpoints that holds it, and when, as facts.

        Raises Tampered or Untrusted.
        """
        times: dict[WitnessKey, int] = {}
        for note in checkpoints:
            try:
                found = cosigned(note, self.witnesses)
            except (MalformedNote, BadCosignature) as error:
                raise Tampered(f"{what}: {error}") from None
            times |= {witness: max(at, times.get(witness, 0)) for witness, at in found.items()}
        if len(times) < self.needed:
            raise Untrusted(
                f"{what} is co-signed by {len(times)} of the witnesses you trust, and {self.needed} are needed"
            )
        return [
            f"witnessed by {witness.name} at {datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
            for witness, at in times.items()
        ]


NOBODY = Quorum()
