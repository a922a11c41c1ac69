"""Recognisers: a model that tells which words of a text are names, addresses and the like (named-entity recognition).

The redactor takes anything that keeps the protocol. What makes the logits, an engine, a library or a rule, is not its concern.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from .errors import ScanFailed
from .finding import Span

LABELS: Final[Mapping[str, str]] = {
    "PER": "NAME",
    "PERS": "NAME",
    "PERSON": "NAME",
    "NAME": "NAME",
    "PERSON_NAME": "NAME",
    "FULL_NAME": "NAME",
    "FIRST_NAME": "NAME",
    "LAST_NAME": "NAME",
    "GIVENNAME": "NAME",
    "SURNAME": "NAME",
    "PRIVATE_PERSON": "NAME",
    "ADDRESS": "ADDRESS",
    "STREET": "ADDRESS",
    "STREET_ADDRESS": "ADDRESS",
    "LOC": "ADDRESS",
    "PRIVATE_ADDRESS": "ADDRESS",
    "EMAIL": "EMAIL",
    "PRIVATE_EMAIL": "EMAIL",
    "PHONE": "PHONE",
    "PHONE_NUMBER": "PHONE",
    "PRIVATE_PHONE": "PHONE",
    "IBAN": "IBAN",
    "SECRET": "SECRET",
}
"""Types of findings by the labels that models give, in upper case with underscores. Other labels (ORG, MISC, a date) are no
findings."""


class NerSpan(NamedTuple):
    """What a model found at ``text[start:end]`` (code points): its own `label` (without ``B-``), and how sure it is, in (0, 1]."""

    start: int
    end: int
    label: str
    score: float


class NerProvider(Protocol):
    """Finds spans in texts. One call holds all texts of a request, so that they can be one batch."""

    def spans(self, texts: list[str], language: str | None) -> list[list[NerSpan]]:
        """The spans of each text, in the order of the texts. `language` is a primary subtag (``de``) or None.

        Whatever it raises fails the redaction: no text goes on that it has not seen.
        """


def recognise(
    provider: NerProvider, texts: Sequence[str], language: str | None, labels: Mapping[str, str] = LABELS
) -> list[list[Span]]:
    """The findings of the `provider` in each of the `texts`, as offsets into the texts. Raises ScanFailed."""
    try:
        found = provider.spans(list(texts), language)
        return [
            [_span(text, span, labels[kind]) for span in spans if (kind := _label(span.label)) in labels]
            for text, spans in zip(texts, found, strict=True)
        ]
    except Exception as error:  # noqa: BLE001 - fails closed
        # Whatever a provider raises may quote the text it was given, so neither it nor its context goes on.
        raise ScanFailed("the recogniser", error) from None


def _label(label: str) -> str:
    return label.upper().replace("-", "_").replace(" ", "_")


def _span(text: str, span: NerSpan, kind: str) -> Span:
    if not 0 <= span.start < span.end <= len(text):
        raise ValueError("a span outside of its text")
    if not 0 < span.score <= 1:
        raise ValueError("a score outside of (0, 1]")
    return span.start, span.end, kind, float(span.score), "ner"
