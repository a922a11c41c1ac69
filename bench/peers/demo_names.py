"""The demo tagger as a recogniser, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from inference.engine import Tagger
from inference.redaction import NerSpan
from inference.redaction.bioes import Decoder

CHECKPOINT: Final = Path(__file__).parents[2] / "deploy" / "demo-tagger" / "checkpoint"


class DemoNames:
    def __init__(self) -> None:
        self._tagger = Tagger(CHECKPOINT)
        self._decoder = Decoder(self._tagger.labels)

    def spans(self, texts: list[str], language: str | None) -> list[list[NerSpan]]:
        return [self._decoder.spans(text.logits, text.offsets, text.words) for text in self._tagger(texts)]
