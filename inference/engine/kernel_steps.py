"""Decode steps on a GPU as the compiler's kernels over the engine's pages, the next token drawn at their end; a graph each size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy
import torch

from compiler.backends.triton.graph import Record, Recorded, Recording
from compiler.backends.triton.launch import Step
from compiler.backends.triton.plans import Plan, numbers
from compiler.backends.triton.sampling import Sampler
from compiler.ir.program import Program
from inference.engine.batches import fill_answers
from inference.engine.blocks import blocks_for
from inference.engine.models.decoder import KvCache
from inference.engine.models.plain_step import cache_name
from inference.engine.sampler import Draw, Drawn
from inference.engine.scheduler import Chunk

_GREEDY = Draw(0.0, 0, 1.0, 0.0, None)


@dataclass(frozen=True, slots=True)
class _Size:
    step: Step
    sampler: Sampler
    recording: Recording


class KernelSteps:
    """Made at once and never under traffic; calls take turns. Rows of padding are written nowhere and see nothing."""

    def __init__(
        self,
        program: Program,
        plans: Mapping[int, Plan],
        cache: KvCache,
        folder: Path,
        device: torch.device,
        record: Record = Recorded,
    ) -> None:
        """Of a program over pages and its plans by number of answers. Kernels are kept in `folder`.

        Raises NoTriton, NotCompiled, NoGraphs.
        """
        self.program, self.plans = program, plans
        on_device = {id(tensor): tensor.to(device) for tensor in program.weights.values()}
        self.weights = {name: on_device[id(tensor)] for name, tensor in program.weights.items()}
        """Where the kernels read them."""
        [tables] = [value for value in plans[min(plans)].graph.inputs if value["name"] == "tables"]
        self._width = numbers(tables.shape)[1]
        states = {cache_name(number): layer.flatten(0, 1) for number, layer in enumerate(cache)}
        pool = None
        self._sizes: dict[int, _Size] = {}
        # The largest first: the others then live in memory that it has taken.
        for count in sorted(plans, reverse=True):
            plan = plans[count]
            step = Step(plan, Program(plan.graph, self.weights, {}), states, folder, device=device)
            sampler = Sampler(step.outputs[0], folder)
            # What is run to be recorded is padding, too.
            step.fill(_inputs((), count, self._width))
            recording = record(partial(_run, step, sampler), device, pool)
            pool = recording.pool()
            self._sizes[count] = _Size(step, sampler, recording)

    @property
    def bytes(self) -> int:
        """Memory of its own, beside weights and cache."""
        return sum(size.step.bytes + size.sampler.bytes for size in self._sizes.values())

    @torch.inference_mode()
    def draw(
        self, chunks: Sequence[Chunk], draws: Sequence[Draw | None]
    ) -> tuple[torch.Tensor, list[Drawn | None]] | None:
        """Of running answers, logits [chunks, vocabulary], valid until the next call, and what was drawn from each row by a draw
        that is plain; None where they are more, or longer, than any size here."""
        rows = next((rows for rows in sorted(self._sizes) if rows >= len(chunks)), None)
        if rows is None or max(blocks_for(chunk.end) for chunk in chunks) > self._width:
            return None
        size = self._sizes[rows]
        size.step.fill(_inputs(chunks, rows, self._width))
        asked = [draw if _is_asked(draw) else None for draw in draws]
        decided = [draw or _GREEDY for draw in (*asked, *[None] * (rows - len(asked)))]
        size.sampler.fill(
            torch.tensor([draw.temperature for draw in decided]),
            torch.tensor([max(0, draw.top_k) for draw in decided], dtype=torch.int32),
            torch.tensor([draw.top_p for draw in decided]),
            torch.tensor([draw.uniform for draw in decided]),
        )
        size.recording()
        tokens = size.sampler.tokens[: len(chunks)].tolist()
        drawn = [
            None if draw is None else Drawn(None if token < 0 else token)
            for draw, token in zip(asked, tokens, strict=True)
        ]
        return size.step.outputs[0][: len(chunks)], drawn

    def wipe(self) -> int:
        """Zeroes what the last steps left in memory of their own; the number of bytes."""
        return sum(size.step.wipe() + size.sampler.wipe() for size in self._sizes.values())


def _run(step: Step, sampler: Sampler) -> None:
    step.run()
    sampler.run()


def _is_asked(draw: Draw | None) -> bool:
    return draw is not None and draw.is_plain and not draw.min_p


def _inputs(chunks: Sequence[Chunk], rows: int, width: int) -> Sequence[torch.Tensor]:
    tokens, positions, tables = (numpy.zeros(shape, dtype=numpy.int64) for shape in (rows, rows, (rows, width)))
    slots, lengths = numpy.full(rows, -1, dtype=numpy.int64), numpy.zeros(rows, dtype=numpy.int32)
    fill_answers(chunks, tokens, positions, slots, tables.reshape(-1))
    lengths[: len(chunks)] = positions[: len(chunks)] + 1
    pieces = numpy.full(rows, -1, dtype=numpy.int32)
    arrays = tokens, positions, slots, tables.astype(numpy.int32), lengths, pieces, numpy.arange(rows)
    return [torch.from_numpy(array) for array in arrays]
