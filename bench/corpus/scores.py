"""Scores of a redactor on the corpus as measures: recall and precision in all, by type, language and kind of noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.report import Measure, at_least

from . import KINDS, PLAIN
from .document import Document
from .verdict import FREE_FORM, Span, Verdict, judge

RECALL = PRECISION = 0.97
NOISE_RECALL = 0.93

Judged = list[tuple[Document, Sequence[Span]]]
"""Documents, each with what was found in it."""


def structured(judged: Judged) -> Verdict:
    """The verdict on every type but names and addresses."""
    return judge(
        judged, values=lambda document, gold: gold.type not in FREE_FORM, findings=lambda _, kind: kind not in FREE_FORM
    )


def anything(judged: Judged) -> Verdict:
    """The verdict on structured values by findings whose types are in another redactor's words."""
    return judge(judged, values=lambda document, gold: gold.type not in FREE_FORM)


def totals(part: str, judged: Judged) -> Iterator[Measure]:
    """What may be printed of either part."""
    verdict = structured(judged)
    yield at_least(f"redaction/recall/{part}", verdict.recall, "covered", RECALL, samples=verdict.values)
    yield at_least(f"redaction/precision/{part}", verdict.precision, "right", PRECISION, samples=verdict.findings)
    yield Measure(f"redaction/typed_precision/{part}", verdict.typed_precision, "right", samples=verdict.findings)
    yield from free_form(part, judged)


def free_form(part: str, judged: Judged, layer: str = "") -> Iterator[Measure]:
    """Names and addresses; `layer` is a prefix for what was found with a layer that is off by default, such as ``ner_``."""
    for kind in sorted(FREE_FORM):
        verdict = judge(
            judged,
            values=lambda _, gold, kind=kind: gold.type == kind,
            findings=lambda _, found, kind=kind: found == kind,
        )  # type: ignore[misc]
        yield Measure(f"redaction/{layer}recall/{part}/{kind}", verdict.recall, "covered", samples=verdict.values)
        yield Measure(f"redaction/{layer}precision/{part}/{kind}", verdict.precision, "right", samples=verdict.findings)


def details(part: str, judged: Judged) -> Iterator[Measure]:
    """By type, language and kind of noise: only for the part that may be looked at."""
    types = sorted({gold.type for document, _ in judged for gold in document.gold} - FREE_FORM)
    for kind in types:
        verdict = judge(
            judged,
            values=lambda _, gold, kind=kind: gold.type == kind,
            findings=lambda _, found, kind=kind: found == kind,
        )  # type: ignore[misc]
        yield Measure(f"redaction/recall/{part}/{kind}", verdict.recall, "covered", samples=verdict.values)
        yield Measure(f"redaction/precision/{part}/{kind}", verdict.precision, "right", samples=verdict.findings)
        yield Measure(
            f"redaction/typed_precision/{part}/{kind}", verdict.typed_precision, "right", samples=verdict.findings
        )
    for language in sorted({document.language for document, _ in judged}):
        verdict = structured([(document, found) for document, found in judged if document.language == language])
        yield Measure(f"redaction/recall/{part}/{language}", verdict.recall, "covered", samples=verdict.values)
        yield Measure(f"redaction/precision/{part}/{language}", verdict.precision, "right", samples=verdict.findings)
    yield from noise(part, judged)


def noise(part: str, judged: Judged) -> Iterator[Measure]:
    for kind in (PLAIN, *KINDS):
        verdict = judge(judged, values=lambda _, gold, kind=kind: gold.noise == kind and gold.type not in FREE_FORM)  # type: ignore[misc]
        name = f"redaction/recall/{part}/{kind}"
        if kind == PLAIN:
            yield Measure(name, verdict.recall, "covered", samples=verdict.values)
        else:
            yield at_least(name, verdict.recall, "covered", NOISE_RECALL, samples=verdict.values)
