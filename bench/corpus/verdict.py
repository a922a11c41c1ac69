"""A verdict: how a redactor's findings compare with the gold spans, in counts that add up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from .document import Document, Gold

FREE_FORM: Final = frozenset(("NAME", "ADDRESS"))
"""Types without a form of their own; all others are *structured*."""
_SAME: Final = (
    frozenset(("NATIONAL_ID", "VAT", "HEALTH_INSURANCE")),  # one number often is all three
    frozenset(("SECRET", "URL_CREDENTIALS")),
    frozenset(("NATIONAL_ID", "DRIVING_LICENCE")),  # Spain and the Nordic countries number licences by person
)
"""Types that count as right for one another."""


@dataclass(slots=True)
class Verdict:
    """Counts over documents. A value is `covered` when every character of it is inside findings."""

    values: int = 0
    covered: int = 0
    findings: int = 0
    right: int = 0
    """Findings that overlap a gold span."""
    right_type: int = 0
    """Of those, findings whose type is that of one that they overlap."""

    @property
    def recall(self) -> float:
        return self.covered / self.values if self.values else 1.0

    @property
    def precision(self) -> float:
        return self.right / self.findings if self.findings else 1.0

    @property
    def typed_precision(self) -> float:
        return self.right_type / self.findings if self.findings else 1.0


Span = tuple[int, int, str, float]


def judge(
    documents: Iterable[tuple[Document, Sequence[Span]]],
    *,
    values: Callable[[Document, Gold], bool] = lambda document, gold: True,
    findings: Callable[[Document, str], bool] = lambda document, kind: True,
) -> Verdict:
    """The verdict on what was found in `documents`, counting the gold spans and the findings (by their type) asked for."""
    verdict = Verdict()
    for document, found in documents:
        for gold in document.gold:
            if values(document, gold):
                verdict.values += 1
                verdict.covered += is_covered(gold, found)
        for start, end, kind, _ in found:
            if findings(document, kind):
                hit = [gold.type for gold in document.gold if start < gold.end and gold.start < end]
                verdict.findings += 1
                verdict.right += bool(hit)
                verdict.right_type += any(
                    kind == other or any({kind, other} <= same for same in _SAME) for other in hit
                )
    return verdict


def is_covered(gold: Gold, found: Iterable[Span]) -> bool:
    """Whether findings leave no character of `gold` readable."""
    reached = gold.start
    for start, end, *_ in sorted(found):
        if start > reached:
            break
        reached = max(reached, end)
        if reached >= gold.end:
            return True
    return False
