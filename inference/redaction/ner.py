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


class Recognised(NamedTuple):
    """What a model found in the texts of one call, for whoever asks it by himself: `model` is its name, or empty where it could
    not be asked and the call goes on without."""

    model: str
    spans: Sequence[Sequence[NerSpan]]


class NerProvider(Protocol):
    """Finds spans in texts. One call holds all texts of a request, so that they can be one batch."""

    def spans(self, texts: list[str], language: str | None) -> list[list[NerSpan]]:
        """The spans of each text, in the order of the texts. `language` is a primary subtag (``de``) or None.

        Whatever it raises fails the redaction: no text goes on that it has not seen.
        """


def recognise(
    provider: NerProvider, texts: Sequence[str], language: str | None, least: float = 0.0
) -> list[list[Span]]:
    """The findings of the `provider` in each of the `texts`, as `findings`. Raises ScanFailed."""
    try:
        found = provider.spans(list(texts), language)
    except Exception as error:  # noqa: BLE001 - fails closed
        # Whatever a provider raises may quote the text it was given, so neither it nor its context goes on.
        raise ScanFailed("the recogniser", error) from None
    return findings(texts, found, least)


def findings(texts: Sequence[str], found: Sequence[Sequence[NerSpan]], least: float = 0.0) -> list[list[Span]]:
    """What was `found` in each of the `texts` with a score of `least`, as offsets into the texts, to the ends of words: a model
    may see half of one. Raises ScanFailed for what makes no sense."""
    try:
        return [
            [
                made
                for span in spans
                if (kind := _label(span.label)) in LABELS
                and not span.score < least
                and (made := _span(text, span, LABELS[kind])) is not None
            ]
            for text, spans in zip(texts, found, strict=True)
        ]
    except Exception as error:  # noqa: BLE001 - fails closed
        raise ScanFailed("the recogniser", error) from None


def knows(label: str) -> bool:
    """Whether findings of a model's label (without ``B-``) are of a type that is redacted."""
    return _label(label) in LABELS


def _label(label: str) -> str:
    return label.upper().replace("-", "_").replace(" ", "_")


def _span(text: str, span: NerSpan, kind: str) -> Span | None:
    """The finding, from word to word; None of spaces alone."""
    if not 0 <= span.start < span.end <= len(text):
        raise ValueError("a span outside of its text")
    if not 0 < span.score <= 1:
        raise ValueError("a score outside of (0, 1]")
    inside = text[span.start : span.end]
    start, end = span.end - len(inside.lstrip()), span.start + len(inside.rstrip())
    if start >= end:
        return None
    while start > 0 and text[start].isalnum() and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
        end += 1
    return start, end, kind, float(span.score), "ner"
