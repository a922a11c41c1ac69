"""Steps on a GPU as the compiler's kernels over the engine's pages, the next tokens drawn at their end; a recording each size.

A step has answers that go on, and pieces of prompts. It is computed by the smallest size that has its tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from compiler.artifact.kernel_folder import Sized
from compiler.backends.triton.graph import Record, Recorded
from compiler.backends.triton.launch import Step
from compiler.backends.triton.plans import numbers
from compiler.backends.triton.sampling import Sampler
from compiler.ir.program import Program
from inference.engine.blocks import blocks_for
from inference.engine.flat import Flat, flat
from inference.engine.kernel_program import rows_of
from inference.engine.models.decoder import KvCache
from inference.engine.models.plain_step import cache_name
from inference.engine.recorded import RecordedSteps
from inference.engine.sampler import Draw, Drawn
from inference.engine.scheduler import Chunk

_GREEDY = Draw(0.0, 0, 1.0, 0.0, None)


class KernelSteps:
    """Made at once and never under traffic; calls take turns. Rows of padding are written nowhere and see nothing."""

    def __init__(
        self,
        program: Program,
        plans: Sized,
        cache: KvCache,
        folder: Path,
        device: torch.device,
        record: Record = Recorded,
    ) -> None:
        """Of a program over pages and its plans by number of tokens. Kernels are kept in `folder`.

        Raises NoTriton, NotCompiled, NoGraphs.
        """
        self.program, self.plans = program, plans
        [tables] = [value for value in plans[min(plans)].plan.graph.inputs if value["name"] == "tables"]
        self._width = numbers(tables.shape)[1]
        self._samplers: dict[int, Sampler] = {}
        states = {cache_name(number): layer.flatten(0, 1) for number, layer in enumerate(cache)}
        self._steps = RecordedSteps(program, plans, states, folder, device, record, partial(self._drawn_after, folder))

    def _drawn_after(self, folder: Path, step: Step) -> Callable[[], object]:
        tokens, rows = len(step.inputs[0]), len(step.outputs[0])
        # Of the largest, which is the first.
        beside = next(iter(self._samplers.values()), None)
        self._samplers[tokens] = sampler = Sampler(step.outputs[0], folder, beside=beside)
        # What is run to be recorded is padding, too.
        step.put(_inputs(flat((), tokens), [0] * rows))
        return sampler.run

    @property
    def weights(self) -> Mapping[str, torch.Tensor]:
        """Where the kernels read them."""
        return self._steps.weights

    @property
    def used(self) -> Mapping[int, int]:
        """Steps, by the size that computed them."""
        return self._steps.used

    @property
    def bytes(self) -> int:
        """Memory of its own, beside weights and cache."""
        return sum(int(tensor.nbytes) for tensor in self._memories())

    @torch.inference_mode()
    def draw(
        self, chunks: Sequence[Chunk], draws: Sequence[Draw | None]
    ) -> tuple[torch.Tensor, list[Drawn | None]] | None:
        """Logits [those that sample, vocabulary], in order, valid until the next call, and what was drawn from each row by a draw
        that is plain; None where the chunks are more, or longer, than any size here takes."""
        tokens, wanted = sum(chunk.end - chunk.start for chunk in chunks), sum(chunk.samples for chunk in chunks)
        fitting = (each for each in self._steps.sizes if each.tokens >= tokens and rows_of(each.tokens) >= wanted)
        size = next(fitting, None)
        if size is None or max(blocks_for(chunk.end) for chunk in chunks) > self._width:
            return None
        # What attends alone stands before all that does not: the kernel has programs of its own for it.
        order = sorted(range(len(chunks)), key=lambda number: chunks[number].end - chunks[number].start > 1)
        made = flat([(chunks[number], chunks[number].start, chunks[number].end) for number in order], size.tokens)
        last = dict(zip(order, made.lasts, strict=True))
        padding = rows_of(size.tokens) - wanted
        rows = [last[number] for number, chunk in enumerate(chunks) if chunk.samples]
        asked = [draw if _is_asked(draw) else None for draw in draws]
        decided = [draw or _GREEDY for draw in (*asked, *[None] * padding)]
        sampler = self._samplers[size.tokens]
        sampler.fill(
            torch.tensor([draw.temperature for draw in decided]),
            torch.tensor([max(0, draw.top_k) for draw in decided], dtype=torch.int32),
            torch.tensor([draw.top_p for draw in decided]),
            torch.tensor([draw.uniform for draw in decided]),
        )
        logits = self._steps.run(size, _inputs(made, rows + [0] * padding))
        drawn = [
            None if draw is None else Drawn(None if token < 0 else token)
            for draw, token in zip(asked, sampler.tokens[:wanted].tolist(), strict=True)
        ]
        return logits[:wanted], drawn

    def wipe(self) -> int:
        """Zeroes what the last steps left in memory of their own; the number of bytes."""
        return sum(int(tensor.zero_().nbytes) for tensor in self._memories())

    def _memories(self) -> Sequence[torch.Tensor]:
        largest = next(iter(self._samplers.values()))
        return *self._steps.memories(), *largest.memories


def _is_asked(draw: Draw | None) -> bool:
    return draw is not None and draw.is_plain and not draw.min_p


def _inputs(made: Flat, rows: Sequence[int]) -> Sequence[torch.Tensor]:
    arrays = made.tokens, made.positions, made.slots, made.tables, made.lengths, made.firsts
    return [*map(torch.from_numpy, arrays), torch.tensor(rows)]
