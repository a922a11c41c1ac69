"""Whether a compiled encoder says what the checkpoint means, on made-up texts: beside torch in its type, and in float32."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter_ns
from typing import Any

import numpy
import torch

from compiler.validate.contract import Contract
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_encoder import CompiledEncoder, synthetic
from inference.engine.encoder_runner import EncoderRunner
from inference.engine.judging import Judged, Progress, judged_labels, judged_vectors, measurement

_SEED = 8
"""Of texts that were not looked at when weights were rounded, and not by whoever accepted that."""
_AT_ONCE = 8
_BATCHES = (1, 8)
_CONTEXT = 128
_RUNS = 15
AnyEncoder = EncoderRunner | CompiledEncoder


def encoder_truth(checkpoint: Checkpoint, progress: Progress) -> torch.Tensor:
    """Vectors [texts, hidden], or logits [tokens of all texts, labels], of the checkpoint in float32. Raises CheckpointError."""
    progress("proving", 0, 2)
    return _rows(EncoderRunner(checkpoint, dtype="float32"), synthetic(checkpoint, _SEED))


def proved_encoder(
    checkpoint: Checkpoint,
    truth: torch.Tensor,
    eager: EncoderRunner,
    candidate: CompiledEncoder,
    contract: Contract,
    progress: Progress,
) -> tuple[Judged, list[dict[str, Any]]]:
    """Parity, and how long batches take beside torch's. `eager` holds its weights in the candidate's type."""
    texts = synthetic(checkpoint, _SEED)
    rows = []
    encoders: tuple[AnyEncoder, ...] = eager, candidate
    for number, encoder in enumerate(encoders):
        progress("proving", number + 1, 2)
        rows.append(_rows(encoder, texts))
    judge = judged_labels if checkpoint.kind == "tagging" else judged_vectors
    judged = judge(contract, getattr(torch, candidate.dtype), truth, *rows)
    return judged, _measured(checkpoint, encoders, progress)


def _rows(encoder: AnyEncoder, texts: list[list[int]]) -> torch.Tensor:
    """In batches, for it must not matter who is beside whom."""
    batches = [texts[at : at + _AT_ONCE] for at in range(0, len(texts), _AT_ONCE)]
    return torch.from_numpy(numpy.concatenate([encoder.computed(batch) for batch in batches]))


def _measured(checkpoint: Checkpoint, encoders: Sequence[AnyEncoder], progress: Progress) -> list[dict[str, Any]]:
    """`encoders` are the reference's and ours; they take turns."""
    context = min(_CONTEXT, checkpoint.config.max_tokens)
    drawn = torch.Generator().manual_seed(_SEED)
    found = []
    for number, batch in enumerate(_BATCHES):
        texts = torch.randint(0, checkpoint.config.vocab_size, (batch, context), generator=drawn).tolist()
        times: list[list[int]] = [[], []]
        for run in range(_RUNS + 1):
            progress("measuring", number * (_RUNS + 1) + run + 1, len(_BATCHES) * (_RUNS + 1))
            for encoder, taken in zip(encoders, times, strict=True):
                began = perf_counter_ns()
                encoder.computed(texts)
                taken.append(perf_counter_ns() - began)
        found.append(measurement("encode", batch, context, times))
    return found
