"""Evaluates a checkpoint of the demo tagger on sentences whose templates and names were never trained on; prints one JSON object.

    python deploy/demo-tagger/evaluate.py deploy/demo-tagger/checkpoint

`cues` is redaction without a model, `ner` with it. A value counts as found when every letter and digit of it is covered, a finding
as right when it overlaps a value.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from sentences import Sentence, Sentences

from inference.engine import Tagger
from inference.redaction import Finding, NerSpan, Policy, Recognised, Redactor
from inference.redaction.bioes import Decoder

SEED = 1_000_003
TYPES = ("NAME", "ADDRESS")
POLICY = Policy.from_json({"version": 2, "ner": {"model": "demo-names"}})


def spans(checkpoint: Path, texts: Sequence[str]) -> list[list[NerSpan]]:
    """What the tagger finds in each text."""
    tagger = Tagger(checkpoint)
    decoder = Decoder(tagger.labels)
    return [decoder.spans(text.logits, text.offsets, text.words) for text in tagger(texts)]


def scores(sentences: Sequence[Sentence], found: Iterable[Sequence[Finding]]) -> dict[str, float]:
    """Shares of values found and of findings right."""
    values = hits = findings = right = 0
    for sentence, each in zip(sentences, found, strict=True):
        covered = {place for finding in each for place in range(finding.start, finding.end)}
        real = {place for start, end, _ in sentence.spans for place in range(start, end)}
        values += len(sentence.spans)
        findings += len(each)
        for start, end, _ in sentence.spans:
            hits += all(place in covered for place in range(start, end) if sentence.text[place].isalnum())
        right += sum(not real.isdisjoint(range(finding.start, finding.end)) for finding in each)
    return {
        "recall": round(hits / values, 3),
        "precision": round(right / max(1, findings), 3),
        "values": values,
        "findings": findings,
    }


def evaluate(checkpoint: Path, count: int) -> dict[str, dict[str, float]]:
    """Both on `count` held-out sentences."""
    sentences = list(islice(Sentences(SEED, held_out=True).draw(), count))
    texts = [sentence.text for sentence in sentences]
    alone, helped = Redactor(), Redactor(POLICY)
    both = {
        "cues": (alone.find(text) for text in texts),
        "ner": (
            helped.find(text, recognised=Recognised("demo-names", [each]))
            for text, each in zip(texts, spans(checkpoint, texts), strict=True)
        ),
    }
    return {
        name: scores(sentences, ([finding for finding in each if finding.type in TYPES] for each in found))
        for name, found in both.items()
    }


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    options = parser.parse_args()
    print(json.dumps(evaluate(options.checkpoint, options.count), indent=2))


if __name__ == "__main__":
    main()
