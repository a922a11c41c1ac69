"""Texts of any length for a model that reads only so many tokens: cut into passages that overlap, and joined again.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy

from inference.engine.errors import CheckpointError
from inference.engine.tokenizer import Tokenizer

LEAST_ROOM = 16
"""Tokens of a text that a passage must have room for."""
_PROBE = "Anna Schmidt, 12 rue de l'Église"

Rows = numpy.ndarray[tuple[int, int], numpy.dtype[numpy.float32]]
"""[tokens, labels]"""
Places = numpy.ndarray[tuple[int, int], numpy.dtype[numpy.int32]]
"""[tokens, 3]: first character, end, number of the word."""


@dataclass(frozen=True, slots=True)
class Read:
    """One text as its passages. What it says of the text's content is in `passages` and `places`."""

    places: Places
    passages: tuple[list[int], ...]
    """Ids, the tokens around a text included."""
    starts: tuple[int, ...]
    """Which token of the text each passage begins with."""


class Passages:
    """Reads texts for a model of `longest` tokens.

    Each passage shares a quarter of its room with the next. A token's row is taken from the passage in which it is further from
    an edge that is not the text's own, so that an eighth of the room lies between it and what its passage did not see.
    """

    def __init__(self, tokenizer: Tokenizer, longest: int) -> None:
        """Raises CheckpointError if the model has no room for a passage, or its tokens do not tell their characters."""
        self._tokenizer = tokenizer
        try:
            self._before, self._behind = tokenizer.around()
            _, places = tokenizer.encode_places(_PROBE)
        except Exception as error:  # noqa: BLE001  # the package raises plain Exception
            raise CheckpointError(f"tokenizer.json: {error}; download the file again") from None
        self.room = longest - len(self._before) - len(self._behind)
        if self.room < LEAST_ROOM:
            raise CheckpointError(
                f"config.json: the model reads {longest} tokens, which leaves no room for a text; use another checkpoint"
            )
        self._step = self.room - self.room // 4
        covered = {character for start, end, _ in places for character in range(start, end)}
        if not covered >= {place for place, character in enumerate(_PROBE) if character.isalnum()}:
            raise CheckpointError(
                "tokenizer.json: its tokens do not tell which characters they are; save the checkpoint with a fast tokenizer"
            )

    def read(self, text: str) -> Read:
        ids, places = self._tokenizer.encode_places(text)
        starts = [0] if ids else []
        while starts and starts[-1] + self.room < len(ids):
            # The last one ends where the text does, and is as long as the others.
            starts.append(min(starts[-1] + self._step, len(ids) - self.room))
        return Read(
            numpy.array(places, dtype="<i4").reshape(-1, 3),
            tuple([*self._before, *ids[start : start + self.room], *self._behind] for start in starts),
            tuple(starts),
        )

    def join(self, read: Read, rows: Sequence[Rows]) -> Rows:
        """The rows of the text's tokens, of those of its passages."""
        before, behind = len(self._before), len(self._behind)
        inner = [each[before : len(each) - behind] for each in rows]
        ends = [start + len(each) for start, each in zip(read.starts, inner, strict=True)]
        # Halfway between the beginning of a passage and the end of the one before it.
        cuts = [
            0,
            *((later + end) // 2 for (_, later), end in zip(pairwise(read.starts), ends, strict=False)),
            *ends[-1:],
        ]
        parts = [
            each[first - start : last - start]
            for each, start, (first, last) in zip(inner, read.starts, pairwise(cuts), strict=False)
        ]
        return numpy.concatenate(parts) if parts else numpy.empty((0, 0), dtype="<f4")
