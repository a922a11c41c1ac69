from __future__ import annotations

import itertools
import math
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.redaction import NerSpan, Policy, Redactor, ScanFailed
from inference.redaction.bioes import Decoder

LABELS = ["O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC", "I-LOC", "E-LOC", "S-LOC"]


class Tagger:
    """A recogniser that decodes made-up logits: words that it was told are names get high scores for their labels."""

    def __init__(self, **labels: str) -> None:
        self._labels = labels
        self._decoder = Decoder(LABELS)
        self.seen: list[tuple[list[str], str | None]] = []

    def spans(self, texts: list[str], language: str | None) -> list[list[NerSpan]]:
        self.seen.append((texts, language))
        return [self._of(text) for text in texts]

    def _of(self, text: str) -> list[NerSpan]:
        tokens = [(match.start(), match.end()) for match in re.finditer(r"\w+", text)]
        wanted = [self._labels.get(text[start:end], "O") for start, end in tokens]
        logits = [[5.0 if label == want else 0.0 for label in LABELS] for want in wanted]
        return self._decoder.spans(logits, tokens)


def test_a_models_spans_are_merged_with_the_rest() -> None:
    tagger = Tagger(Xaver="B-PER", Huber="E-PER", Ansbach="S-LOC")
    redactor = Redactor(ner=tagger)

    redacted, placeholders = redactor.redact_texts(
        ["gestern traf Xaver Huber mail@example.com in Ansbach", "wo ist Huber"], "de-AT"
    )

    assert redacted == ["gestern traf [[NAME_1]] [[EMAIL_1]] in [[ADDRESS_1]]", "wo ist [[NAME_2]]"]
    assert placeholders.restore(redacted[0]) == "gestern traf Xaver Huber mail@example.com in Ansbach"
    assert placeholders.evidence.layers == ("patterns", "cues", "ner")
    assert placeholders.evidence.layers_header == "patterns,cues,ner"
    assert tagger.seen[0][1] == "de"
    assert len(tagger.seen) == 1


def test_the_layer_of_its_findings_is_ner() -> None:
    findings = Redactor(ner=Tagger(Huber="S-PER")).find("gestern Huber, Tel. 030 1234567")

    assert [(finding.type, finding.layer) for finding in findings] == [("NAME", "ner"), ("PHONE", "patterns")]
    assert 0.9 < findings[0].score < 1


def test_offsets_are_of_the_text_that_was_given() -> None:
    text = "\u200bgestern\u00ad e\u0301 Xa\u200bver\u200b da"

    class Fixed:
        def spans(self, texts: list[str], language: str | None) -> list[list[NerSpan]]:
            return [[NerSpan(text.index("X"), text.index("r\u200b") + 1, "private_person", 0.9)]]

    (finding,) = Redactor(ner=Fixed()).find(text)

    assert text[finding.start : finding.end] == "Xa\u200bver"


def test_labels_that_are_no_types_and_allowed_types_are_left_out() -> None:
    class Fixed:
        def spans(self, texts: list[str], language: str | None) -> list[list[NerSpan]]:
            return [[NerSpan(0, 4, "ORG", 0.9), NerSpan(5, 9, "PRIVATE-ADDRESS", 0.9)]]

    assert [finding.type for finding in Redactor(ner=Fixed()).find("Acme Bonn")] == ["ADDRESS"]
    policy = Policy.from_json({"version": 1, "entities": {"ADDRESS": {"action": "allow"}}})
    assert Redactor(policy, ner=Fixed()).find("Acme Bonn") == []


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [[], []],
        [[NerSpan(3, 3, "PER", 0.5)]],
        [[NerSpan(-1, 3, "PER", 0.5)]],
        [[NerSpan(0, 99, "PER", 0.5)]],
        [[NerSpan(0, 3, "PER", 0.0)]],
        [[NerSpan(0, 3, "PER", 1.5)]],
        [[NerSpan(0, 3, "PER", math.nan)]],
        None,
        "raise",
    ],
)
def test_a_recogniser_that_fails_or_answers_nonsense_fails_closed(answer: list[list[NerSpan]] | str | None) -> None:
    class Broken:
        def spans(self, texts: list[str], language: str | None) -> list[list[NerSpan]]:
            if answer == "raise":
                raise RuntimeError(texts[0])
            return answer  # type: ignore[return-value]

    with pytest.raises(ScanFailed) as failure:
        Redactor(ner=Broken()).redact("Huber spricht")

    assert "Huber" not in str(failure.value)
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__


def legal(path: tuple[int, ...]) -> bool:
    tags = " ".join(LABELS[index] for index in path)
    return (
        re.fullmatch(r"(?:(?:O|S-PER|S-LOC|B-PER(?: I-PER)* E-PER|B-LOC(?: I-LOC)* E-LOC)(?: |$))*", tags) is not None
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 4))
def test_the_path_is_the_best_of_all_legal_ones(seed: int, length: int) -> None:
    numbers = random.Random(seed)
    logits = [[numbers.uniform(-3, 3) for _ in LABELS] for _ in range(length)]

    path = Decoder(LABELS).path(logits)

    def total(candidate: tuple[int, ...]) -> float:
        return sum(row[index] for row, index in zip(logits, candidate, strict=True))

    best = max(filter(legal, itertools.product(range(len(LABELS)), repeat=length)), key=total)
    assert legal(tuple(path))
    assert total(tuple(path)) == pytest.approx(total(best))


def test_bio_labels_are_decoded_too() -> None:
    decoder = Decoder({0: "O", 1: "B-PER", 2: "I-PER"})
    logits = [[0, 3, 0], [0, 0, 3], [0, 3, 0], [3, 0, 0], [1, 0, 3]]

    spans = decoder.spans(logits, [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)])

    assert [(span.start, span.end, span.label) for span in spans] == [(0, 3, "PER"), (4, 5, "PER")]


def test_special_tokens_are_left_out() -> None:
    spans = Decoder(LABELS).spans(
        [[9.0 if label == want else 0.0 for label in LABELS] for want in ("S-PER", "B-PER", "E-PER", "O")],
        [(0, 0), (0, 4), (5, 9), (0, 0)],
    )

    assert [(span.start, span.end) for span in spans] == [(0, 9)]


def test_foreign_labels_and_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="PERSON"):
        Decoder(["O", "PERSON"])
    with pytest.raises(ValueError, match="9 scores"):
        Decoder(LABELS).path([[0.0]])
    with pytest.raises(ValueError, match="finite"):
        Decoder(LABELS).path([[math.nan] * 9])
    assert Decoder(LABELS).path([]) == []
