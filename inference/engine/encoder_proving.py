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
from inference.engine.encoding import Encoding
from inference.engine.filling import check_asked, filling
from inference.engine.judging import Judged, Progress, judged_labels, judged_vectors, measurement
from inference.engine.kernel_encoder import KernelEncoder, texts_in

_SEED = 8
"""Of texts that were not looked at when weights were rounded, and not by whoever accepted that."""
_AT_ONCE = 8
_BATCHES = (1, 8)
_CONTEXT = 128
_RUNS = 15


def encoder_truth(checkpoint: Checkpoint, progress: Progress) -> Sequence[torch.Tensor]:
    """Of each text a vector [1, hidden], or logits [tokens, labels], of the checkpoint in float32. Raises CheckpointError."""
    progress("proving", 0, 2)
    return _rows(EncoderRunner(checkpoint, dtype="float32"), synthetic(checkpoint, _SEED))


def proved_encoder(
    checkpoint: Checkpoint,
    truth: Sequence[torch.Tensor],
    eager: EncoderRunner,
    candidate: CompiledEncoder | KernelEncoder,
    contract: Contract,
    progress: Progress,
    sizes: Sequence[int] = (),
) -> tuple[Judged, list[dict[str, Any]]]:
    """Parity, and how long batches take beside torch's. `eager` holds its weights in the candidate's type. `sizes` are of batches,
    in tokens, for which the candidate has code of its own: each is asked. Raises NoKernels where that cannot be."""
    texts = synthetic(checkpoint, _SEED)
    encoders: tuple[Encoding, ...] = eager, candidate
    progress("proving", 1, 2)
    theirs, found = (_rows(encoder, texts) for encoder in encoders)
    compared = [*zip(truth, theirs, found, strict=True)]
    for number, size in enumerate(sizes):
        progress(f"proving {size} tokens at once", number, len(sizes))
        numbers = filling(texts, size, texts_in(size))
        together = _rows(candidate, [texts[each] for each in numbers], len(numbers))
        compared += [(truth[each], theirs[each], one) for each, one in zip(numbers, together, strict=True)]
    if isinstance(candidate, KernelEncoder):
        check_asked(sizes, candidate.used)
    judge = judged_labels if checkpoint.kind == "tagging" else judged_vectors
    judged = judge(contract, getattr(torch, candidate.dtype), *map(torch.cat, zip(*compared, strict=True)))
    return judged, _measured(checkpoint, encoders, progress)


def _rows(encoder: Encoding, texts: list[list[int]], at_once: int = _AT_ONCE) -> Sequence[torch.Tensor]:
    """Of each text, in batches, for it must not matter who is beside whom."""
    given = [texts[at : at + at_once] for at in range(0, len(texts), at_once)]
    found = torch.from_numpy(numpy.concatenate([encoder.computed(batch) for batch in given]))
    lengths = [len(ids) for ids in texts] if encoder.config.labels else [1] * len(texts)
    return list(torch.split(found, lengths))


def _measured(checkpoint: Checkpoint, encoders: Sequence[Encoding], progress: Progress) -> list[dict[str, Any]]:
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
