"""A token-classification checkpoint at work in this process, without an engine of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from inference.engine.checkpoint import Checkpoint
from inference.engine.encoder_runner import EncoderRunner
from inference.engine.errors import CheckpointError
from inference.engine.library.errors import NonFiniteOutput
from inference.engine.models.layers import DtypeName
from inference.engine.passages import Passages
from inference.engine.text_queue import CPU_BATCH_TOKENS, GPU_BATCH_TOKENS


@dataclass(frozen=True, slots=True)
class TaggedText:
    """The tokens of one text: their logits for each label, their characters (start, end in code points), and the numbers of
    the words that they are of."""

    logits: list[list[float]]
    offsets: list[tuple[int, int]]
    words: list[int]


class Tagger:
    """Scores a checkpoint's `labels` at every token of texts of any length. May be used by several threads, one at a time."""

    def __init__(self, folder: str | Path, *, device: str = "cpu", dtype: DtypeName = "auto") -> None:
        """Loads the Hugging Face folder. Raises CheckpointError for one that holds no token-classification model."""
        checkpoint = Checkpoint.open(Path(folder))
        if checkpoint.kind != "tagging":
            raise CheckpointError(
                f"{checkpoint.config.architecture} gives no labels; use a …ForTokenClassification checkpoint"
            )
        self._passages = Passages(checkpoint.tokenizer(), checkpoint.config.max_tokens)
        self._runner = EncoderRunner(checkpoint, device=device, dtype=dtype)
        self.labels = list(self._runner.config.labels)
        self._batch_tokens = CPU_BATCH_TOKENS if self._runner.device.type == "cpu" else GPU_BATCH_TOKENS
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> list[TaggedText]:
        """One a text, in order. Raises NonFiniteOutput."""
        reads = [self._passages.read(text) for text in texts]
        rows = []
        for batch in self._batches([passage for read in reads for passage in read.passages]):
            with self._lock:
                rows += self._runner.tag(batch)
        if any(each is None for each in rows):
            raise NonFiniteOutput("the model's output for a text was not finite")
        parts = iter(each for each in rows if each is not None)
        return [
            TaggedText(
                self._passages.join(read, list(islice(parts, len(read.passages)))).tolist(),
                [(start, end) for start, end, _ in read.places.tolist()],
                read.places[:, 2].tolist(),
            )
            for read in reads
        ]

    def _batches(self, passages: list[list[int]]) -> Iterator[list[list[int]]]:
        batch: list[list[int]] = []
        for passage in passages:
            if batch and sum(map(len, batch)) + len(passage) > self._batch_tokens:
                yield batch
                batch = []
            batch.append(passage)
        if batch:
            yield batch
