import importlib
import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

from bench.peers.demo_names import CHECKPOINT, DemoNames
from inference.engine import Tagger
from inference.engine.checkpoint import inspect
from inference.redaction import Redactor

DEMO_TAGGER = Path(__file__).parents[2] / "deploy" / "demo-tagger"
TEXT = "Gestern hat Anna Schmidt in Köln angerufen. J'ai rencontré Pierre Dubois à Lyon."


@pytest.fixture(scope="module")
def names() -> DemoNames:
    return DemoNames()


@pytest.fixture
def sentences(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(DEMO_TAGGER))
    return importlib.import_module("sentences")


def test_the_checkpoint_is_whole_and_small() -> None:
    sizes = {path.name: path.stat().st_size for path in CHECKPOINT.iterdir()}

    assert set(sizes) == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert sum(sizes.values()) <= 3_000_000
    assert inspect(CHECKPOINT).kind == "tagging"
    assert json.loads((CHECKPOINT / "config.json").read_text())["architectures"] == ["BertForTokenClassification"]


def test_transformers_sees_the_same() -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(CHECKPOINT)
    model: Any = AutoModelForTokenClassification.from_pretrained(CHECKPOINT, dtype=torch.float32).eval()
    encoded = tokenizer(TEXT, return_offsets_mapping=True, return_tensors="pt")
    offsets = [tuple(place) for place in encoded.pop("offset_mapping")[0].tolist()]
    with torch.inference_mode():
        expected = model(**encoded).logits[0].numpy()

    tagger = Tagger(CHECKPOINT, dtype="float32")
    (ours,) = tagger([TEXT])

    assert ours.offsets == offsets[1:-1]
    assert numpy.abs(numpy.array(ours.logits) - expected[1:-1]).max() < 1e-3
    assert [model.config.id2label[number] for number in range(len(tagger.labels))] == tagger.labels


def test_names_that_nothing_announces_are_found(names: DemoNames) -> None:
    redacted, placeholders = Redactor(ner=names).redact(TEXT)

    assert Redactor().redact(TEXT)[0] == TEXT
    assert "Anna" not in redacted and "Schmidt" not in redacted and "Dubois" not in redacted
    assert redacted.startswith("Gestern hat [[NAME_1]] in")
    assert placeholders.restore(redacted) == TEXT


def test_a_name_is_found_wherever_it_stands_in_a_long_text(names: DemoNames) -> None:
    filler = "Das Wetter ist heute schön und der Bericht ist fertig. "
    redactor = Redactor(ner=names)
    found = 0
    for count in range(12, 30):  # on every side of a passage's edge, and across it
        text = filler * count + TEXT + " " + filler * 20
        names_found = {text[finding.start : finding.end] for finding in redactor.find(text)}
        found += len({"Anna Schmidt", "Pierre Dubois"} & names_found)
    # So small a model does not see every name in every company; an edge would take one from all of a few shifts.
    assert found >= 27, f"{found} of 36"


def test_more_is_found_than_by_cues_alone_in_sentences_it_never_saw(names: DemoNames, sentences: Any) -> None:
    drawn = list(islice(sentences.Sentences(77, held_out=True).draw(), 200))

    def share(redactor: Redactor) -> tuple[float, float]:
        values = hits = findings = right = 0
        for sentence in drawn:
            found = [finding for finding in redactor.find(sentence.text) if finding.type in ("NAME", "ADDRESS")]
            covered = {place for finding in found for place in range(finding.start, finding.end)}
            real = {place for start, end, _ in sentence.spans for place in range(start, end)}
            values += len(sentence.spans)
            hits += sum(
                all(place in covered for place in range(start, end) if sentence.text[place].isalnum())
                for start, end, _ in sentence.spans
            )
            findings += len(found)
            right += sum(not real.isdisjoint(range(finding.start, finding.end)) for finding in found)
        return hits / values, right / max(1, findings)

    recall, precision = share(Redactor(ner=names))
    assert recall > share(Redactor())[0] + 0.4
    assert precision > 0.6


def test_training_text_holds_nothing_held_out_and_its_spans_are_right(sentences: Any) -> None:
    trained = list(islice(sentences.Sentences(5).draw(), 400))
    again = list(islice(sentences.Sentences(5).draw(), 400))

    assert trained == again
    for sentence in trained:
        for start, end, label in sentence.spans:
            value = sentence.text[start:end]
            assert value == value.strip() and value
            if label == "PER" and " " not in value and "-" not in value:
                assert not sentences.is_held_out(value) or value.isupper() or value.startswith(("O'", "Mac"))
