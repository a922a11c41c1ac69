"""A winner, and why it is one: the row that is kept under a key."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from compiler.tune import canonical
from compiler.tune.key import Key
from compiler.tune.knobs import Value
from compiler.tune.statistics import Comparison

FORMAT = 1


class CorruptRow(Exception):
    """A stored row that cannot be believed; the message says what is wrong with it."""


@dataclass(frozen=True)
class Row:
    """All fields are plain JSON, so that a person can read a row without this program. Times are nanoseconds."""

    key: dict[str, Any]
    """The key's fields, as they were."""
    winner: dict[str, Value]
    incumbent: dict[str, Value]
    """Whom the winner had to beat; the same as the winner where nothing did."""
    comparison: Comparison | None
    """The winner against the incumbent; None where the incumbent stays."""
    samples: dict[str, list[int]]
    """`winner` and `incumbent`, pair by pair; for an incumbent that stays, its own alone."""
    parity: dict[str, float | str]
    """The winner's errors."""
    finalists: list[dict[str, Any]]
    """Each with its candidate, comparison, and whether it was accepted."""
    trials: list[dict[str, Any]]
    """Every candidate looked at: outcome, low time, number of repetitions, reason."""
    provenance: dict[str, Any]
    """When, by which releases, from which seed, by whom, and whether by search or by validating an older winner."""

    def to_text(self) -> str:
        """One line a field, and a digest over all of them."""
        fields = {"format": FORMAT, **asdict(self)}
        fields["digest"] = canonical.digest(fields)
        return "{\n" + ",\n".join(f'"{name}":{canonical.text(value)}' for name, value in fields.items()) + "\n}\n"


def row_from(text: str, *, key: Key | None = None) -> Row:
    """The row in `text`, of `key` where one is given. Raises CorruptRow."""
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise CorruptRow(f"it is not JSON: {error}") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise CorruptRow(f"it is not a row of format {FORMAT}")
    if fields.pop("digest", None) != canonical.digest(fields):
        raise CorruptRow("its digest does not fit its content, so it was changed or damaged")
    del fields["format"]
    if fields.keys() != Row.__dataclass_fields__.keys():
        raise CorruptRow(f"its fields are {sorted(fields)}")
    if key is not None and fields["key"] != key.fields():
        raise CorruptRow("it belongs to another key")
    comparison = fields.pop("comparison")
    return Row(**fields, comparison=None if comparison is None else Comparison(**comparison))
