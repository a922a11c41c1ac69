"""Presidio's analyzer, run by an interpreter of its own environment: it imports nothing of ours. ``redactor_theirs.py KIND``.

Patterns only, without a model: its spaCy pipeline is a blank one, whose tokens in lower case stand for lemmas, so that its
context words work as far as they can. KIND is `default` (the recognizers that it loads for English) or `eu` (besides these,
under the same language, every recognizer that it has for a country of the EU, for the United Kingdom and the United States,
and telephone numbers of 20 regions).

A line of JSON in, a line of JSON out, see `bench.peers.redactors`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from time import process_time
from typing import Any

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry, predefined_recognizers
from presidio_analyzer.nlp_engine import NlpArtifacts, SlimSpacyNlpEngine

COUNTRY_RECOGNIZERS = (
    "DeBsnrRecognizer",
    "DeFuehrerscheinRecognizer",
    "DeHealthInsuranceRecognizer",
    "DeIdCardRecognizer",
    "DeLanrRecognizer",
    "DePassportRecognizer",
    "DeSocialSecurityRecognizer",
    "DeTaxIdRecognizer",
    "DeTaxNumberRecognizer",
    "DeVatIdRecognizer",
    "EsNieRecognizer",
    "EsNifRecognizer",
    "EsPassportRecognizer",
    "FiPersonalIdentityCodeRecognizer",
    "ItDriverLicenseRecognizer",
    "ItFiscalCodeRecognizer",
    "ItIdentityCardRecognizer",
    "ItPassportRecognizer",
    "ItVatCodeRecognizer",
    "PlPeselRecognizer",
    "SePersonnummerRecognizer",
    "UkDrivingLicenceRecognizer",
    "UkNinoRecognizer",
    "UkPassportRecognizer",
)
"""Those that are not loaded by default, but for postal codes, number plates and companies, which are no types of ours."""
# fmt: off
REGIONS = ("AT", "BE", "BG", "CH", "CZ", "DE", "DK", "ES", "FI", "FR", "GB", "GR", "HU", "IE", "IT", "NL", "PL", "PT", "SE", "US")
# fmt: on
OTHER_TYPES = frozenset(("URL", "DATE_TIME", "UUID"))
"""What it finds and we do not mean to: any URL, any date, any UUID. Not counted against it."""


class Blank(SlimSpacyNlpEngine):
    """A tokenizer without a model."""

    def load(self) -> None:
        self.nlp = {"en": spacy.blank("en")}

    def _doc_to_nlp_artifact(self, doc: Any, language: str) -> NlpArtifacts:
        return NlpArtifacts(
            entities=[],
            tokens=doc,
            tokens_indices=[token.idx for token in doc],
            lemmas=[token.lower_ for token in doc],
            nlp_engine=self,
            language=language,
            scores=[],
        )


def analyzer(kind: str) -> AnalyzerEngine:
    nlp = Blank()
    nlp.load()
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=nlp)
    if kind == "eu":
        registry.remove_recognizer("PhoneRecognizer")
        registry.add_recognizer(predefined_recognizers.PhoneRecognizer(supported_regions=REGIONS))
        for name in COUNTRY_RECOGNIZERS:
            registry.add_recognizer(getattr(predefined_recognizers, name)(supported_language="en"))
    return AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=["en"])


def answer(engine: AnalyzerEngine, order: dict[str, Any]) -> Any:
    if order["task"] == "spans":
        found = []
        for text in order["texts"]:
            results = engine.analyze(text, language="en")
            found.append(
                [(r.start, r.end, r.entity_type, r.score) for r in results if r.entity_type not in OTHER_TYPES]
            )
        return found
    spent = []
    stop = process_time() + order["seconds"]
    for text in order["texts"]:
        start = process_time()
        engine.analyze(text, language="en")
        end = process_time()
        spent.append(end - start)
        if end > stop:
            break
    return spent


def main() -> None:
    # What the libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    logging.disable(logging.WARNING)
    engine = analyzer(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(answer(engine, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
