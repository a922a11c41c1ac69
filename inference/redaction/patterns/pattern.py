"""A pattern: a cheap trigger for the one scan of the text, and the function that decides what it means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..context import Words

Verified = tuple[int, int, float]
"""``(start, end, score)`` of a value in the shadow."""

Verify = Callable[[str, int, int, str | None], Verified | None]
"""``verify(shadow, start, end, language)``: the value that a trigger's match at ``shadow[start:end]`` belongs to, or None.

`language` is a lower-case primary language subtag (``de``) or None when the caller did not say.
"""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One row of the table that the scanner is compiled from.

    `trigger` is a Vectorscan expression over latin-1 bytes. It should be rare in ordinary text and should end after a fixed
    number of characters, because the scanner reports every end; `verify` then reads as far as the value goes. Patterns may
    share a trigger, which the scan then looks for once. With `start_known`, the scanner reports where the match starts;
    without (for triggers that have an open start) 0.
    """

    name: str
    type: str
    trigger: str
    verify: Verify
    caseless: bool = False
    start_known: bool = True
    layer: str = "patterns"
    country: str = ""
    """ISO 3166 code of the country whose numbers it finds; "" for what is the same everywhere."""
    words: Words | None = None
    """Words without which `verify` never finds anything: where a text has none of them, the trigger is not looked for."""
    sign: str = ""
    """The same as an expression, which is rare and cheap to look for: where it matches nothing, the trigger is not looked for."""
    context: Words | None = None
    """Words that announce what it finds, for policies that want it announced; `verify` may ask for others, or for none."""

    @property
    def gate(self) -> str:
        """An expression that matches in every text in which `verify` may find something; "" where any text may."""
        return self.sign if self.words is None else self.words.trigger
