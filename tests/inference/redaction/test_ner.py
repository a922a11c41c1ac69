from __future__ import annotations

import itertools
import math
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.redaction import (
    CompiledPolicy,
    NerSpan,
    Policy,
    PolicyError,
    Recognised,
    Recogniser,
    Redactor,
    ScanFailed,
)
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


def test_what_a_model_sees_of_a_word_is_all_of_it() -> None:
    class Fixed:
        def spans(self, texts: list[str], language: str | None) -> list[list[NerSpan]]:
            return [[NerSpan(7, 11, "PER", 0.9), NerSpan(21, 23, "PER", 0.9), NerSpan(7, 8, "PER", 1)]]

    assert Redactor(ner=Fixed()).redact("gestern Kowalskiego, Ann-Marie")[0] == "gestern [[NAME_1]], [[NAME_2]]"


# What somebody else asked a model -------------------------------------------------------------------------------------

POLICY = Policy.from_json({"version": 3, "ner": {"model": "demo-names", "min_score": 0.6}})
TEXT = "gestern sprach Huber mit Meier"
FOUND = [NerSpan(15, 20, "PER", 0.9), NerSpan(25, 30, "PER", 0.59)]


def test_what_a_model_was_asked_for_counts_and_is_named() -> None:
    redactor = Redactor(POLICY)

    redacted, placeholders = redactor.redact_texts([TEXT, "Huber"], recognised=Recognised("demo-names", [FOUND, []]))

    assert redacted == ["gestern sprach [[NAME_1]] mit Meier", "[[NAME_1]]"]
    assert placeholders.evidence.layers_header == "patterns,cues,ner=demo-names"
    assert [f.layer for f in redactor.find(TEXT, recognised=Recognised("demo-names", [FOUND]))] == ["ner"]


def test_without_the_model_that_the_policy_names_nothing_is_redacted() -> None:
    with pytest.raises(ScanFailed, match="recogniser"):
        Redactor(POLICY).redact(TEXT)
    with pytest.raises(ScanFailed, match="recogniser"):
        Redactor(POLICY).redact_texts([TEXT, TEXT], recognised=Recognised("demo-names", [FOUND]))


def test_whoever_goes_on_without_a_model_says_so() -> None:
    _, placeholders = Redactor(POLICY).redact_texts([f"{TEXT}, anna@example.com"], recognised=Recognised("", [[]]))

    assert placeholders.evidence.layers_header == "patterns,cues,ner=none"
    assert placeholders.evidence.header == "EMAIL=1"


def test_a_policys_model_is_written_as_it_is_read() -> None:
    assert Policy.from_json(POLICY.to_json()) == POLICY
    assert POLICY.to_json()["ner"] == {"model": "demo-names", "min_score": 0.6}
    assert CompiledPolicy.load(CompiledPolicy.compile(POLICY).dump()).policy == POLICY
    off = Policy.from_json({"version": 1, "ner": "off"})
    assert off.ner is None and "ner" not in off.to_json()
    assert Policy.from_json({"version": 1, "ner": {"model": "m"}}).ner == Recogniser("m", 0.5)


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ("on", ["ner"]),
        ({}, ["ner.model"]),
        ({"model": "../x"}, ["ner.model"]),
        ({"model": "m", "min_score": 2}, ["ner.min_score"]),
        ({"model": 7, "threshold": 1}, ["ner.threshold", "ner.model"]),
        (None, ["ner"]),
    ],
)
def test_a_wrong_model_is_refused_by_its_field(given: object, fields: list[str]) -> None:
    with pytest.raises(PolicyError) as refused:
        Policy.from_json({"version": 1, "ner": given})

    assert list(dict.fromkeys(path for path, _ in refused.value.problems)) == fields


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


def test_bio_is_decoded_by_words_where_they_are_known() -> None:
    decoder = Decoder(["O", "B-PER", "I-PER"])
    # "Hu" "ber" "spricht" "Mei" "er": what a model says of the second token of a word is not listened to
    logits = [[0.0, 3.0, 0.0], [5.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 9.0, 0.0]]
    offsets = [(0, 2), (2, 5), (6, 13), (14, 17), (17, 19)]

    spans = decoder.spans(logits, offsets, [0, 0, 1, 2, 2])

    assert [(span.start, span.end) for span in spans] == [(0, 5), (14, 19)]
    assert [(span.start, span.end) for span in decoder.spans(logits, offsets)] == [(0, 2), (14, 17), (17, 19)]
    whole = Decoder(LABELS)
    rows = [[5.0 if label == want else 0.0 for label in LABELS] for want in ("B-PER", "E-PER", "O", "B-PER", "E-PER")]
    assert whole.spans(rows, offsets, [0, 0, 1, 2, 2]) == whole.spans(rows, offsets)


def test_labels_of_iob1_may_begin_with_i() -> None:
    labels = ["O", "I-PER", "B-LOC", "I-LOC"]
    wanted = ["I-PER", "I-PER", "O", "I-LOC", "B-LOC", "I-LOC", "I-PER"]

    spans = Decoder(labels).spans(
        [[5.0 if label == want else 0.0 for label in labels] for want in wanted], [(n, n + 1) for n in range(7)]
    )

    assert [(span.start, span.end, span.label) for span in spans] == [
        (0, 2, "PER"),
        (3, 4, "LOC"),
        (4, 6, "LOC"),
        (6, 7, "PER"),
    ]


def test_special_tokens_are_left_out() -> None:
    spans = Decoder(LABELS).spans(
        [[9.0 if label == want else 0.0 for label in LABELS] for want in ("S-PER", "B-PER", "E-PER", "O")],
        [(0, 0), (0, 4), (5, 9), (0, 0)],
    )

    assert [(span.start, span.end) for span in spans] == [(0, 9)]


def test_foreign_labels_and_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="PERSON"):
        Decoder(["O", "PERSON"])
    with pytest.raises(ValueError, match="twice"):
        Decoder(["O", "B-PER", "B_PER"])
    with pytest.raises(ValueError, match="9 scores"):
        Decoder(LABELS).path([[0.0]])
    with pytest.raises(ValueError, match="finite"):
        Decoder(LABELS).path([[math.nan] * 9])
    assert Decoder(LABELS).path([]) == []
