"""Steps on a GPU as the compiler's kernels over the engine's pages, the next tokens drawn at their end; a recording each size.

A step has answers that go on, and pieces of prompts. It is computed by the smallest size that has its tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from compiler.backends.triton.graph import Record, Recorded, Recording
from compiler.backends.triton.launch import Step
from compiler.backends.triton.plans import Plan, numbers
from compiler.backends.triton.sampling import Sampler
from compiler.ir.program import Program
from inference.engine.blocks import blocks_for
from inference.engine.flat import Flat, flat
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

    @property
    def rows(self) -> int:
        """Of logits."""
        return len(self.step.outputs[0])


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
        """Of a program over pages and its plans by number of tokens. Kernels are kept in `folder`.

        Raises NoTriton, NotCompiled, NoGraphs.
        """
        self.program, self.plans = program, plans
        on_device = {id(tensor): tensor.to(device) for tensor in program.weights.values()}
        self.weights = {name: on_device[id(tensor)] for name, tensor in program.weights.items()}
        """Where the kernels read them."""
        self.used: Counter[int] = Counter()
        """Steps, by the size that computed them."""
        [tables] = [value for value in plans[min(plans)].graph.inputs if value["name"] == "tables"]
        self._width = numbers(tables.shape)[1]
        states = {cache_name(number): layer.flatten(0, 1) for number, layer in enumerate(cache)}
        pool, memory, largest = None, None, None
        self._sizes: dict[int, _Size] = {}
        # The largest first: the others then live in memory that it has taken.
        for count in sorted(plans, reverse=True):
            plan = plans[count]
            step = Step(plan, Program(plan.graph, self.weights, {}), states, folder, device=device, memory=memory)
            sampler = Sampler(step.outputs[0], folder, beside=largest)
            memory, largest = memory if memory is not None else step.memory, largest or sampler
            # What is run to be recorded is padding, too.
            step.put(_inputs(flat((), count), [0] * len(step.outputs[0])))
            recording = record(partial(_run, step, sampler), device, pool)
            pool = recording.pool()
            self._sizes[count] = _Size(step, sampler, recording)

    @property
    def bytes(self) -> int:
        """Memory of its own, beside weights and cache."""
        return sum(self._memories().values())

    @torch.inference_mode()
    def draw(
        self, chunks: Sequence[Chunk], draws: Sequence[Draw | None]
    ) -> tuple[torch.Tensor, list[Drawn | None]] | None:
        """Logits [those that sample, vocabulary], in order, valid until the next call, and what was drawn from each row by a draw
        that is plain; None where the chunks are more, or longer, than any size here takes."""
        tokens, wanted = sum(chunk.end - chunk.start for chunk in chunks), sum(chunk.samples for chunk in chunks)
        fits = (count for count in sorted(self._sizes) if count >= tokens and self._sizes[count].rows >= wanted)
        count = next(fits, None)
        if count is None or max(blocks_for(chunk.end) for chunk in chunks) > self._width:
            return None
        size = self._sizes[count]
        # Answers attend alone, and stand before all prompts: the kernel has programs of their own for them.
        order = sorted(range(len(chunks)), key=lambda number: is_of_prompt(chunks[number]))
        made = flat([(chunks[number], chunks[number].start, chunks[number].end) for number in order], count)
        last = dict(zip(order, made.lasts, strict=True))
        rows = [last[number] for number, chunk in enumerate(chunks) if chunk.samples]
        padding = size.rows - wanted
        size.step.put(_inputs(made, rows + [0] * padding))
        asked = [draw if _is_asked(draw) else None for draw in draws]
        decided = [draw or _GREEDY for draw in (*asked, *[None] * padding)]
        size.sampler.fill(
            torch.tensor([draw.temperature for draw in decided]),
            torch.tensor([max(0, draw.top_k) for draw in decided], dtype=torch.int32),
            torch.tensor([draw.top_p for draw in decided]),
            torch.tensor([draw.uniform for draw in decided]),
        )
        size.recording()
        self.used[count] += 1
        found = size.sampler.tokens[:wanted].tolist()
        drawn = [
            None if draw is None else Drawn(None if token < 0 else token)
            for draw, token in zip(asked, found, strict=True)
        ]
        return size.step.outputs[0][:wanted], drawn

    def wipe(self) -> int:
        """Zeroes what the last steps left in memory of their own; the number of bytes."""
        for size in self._sizes.values():
            size.step.wipe()
            size.sampler.wipe()
        return self.bytes

    def _memories(self) -> dict[int, int]:
        """Bytes by address: the sizes take turns in the same."""
        found: dict[int, int] = {}
        for size in self._sizes.values():
            for tensor in (*size.step.memories, *size.sampler.memories):
                found[tensor.data_ptr()] = max(tensor.nbytes, found.get(tensor.data_ptr(), 0))
        return found


def is_of_prompt(chunk: Chunk) -> bool:
    """Whether any of its tokens is."""
    return chunk.start < chunk.generation.prompt_tokens


def _run(step: Step, sampler: Sampler) -> None:
    step.run()
    sampler.run()


def _is_asked(draw: Draw | None) -> bool:
    return draw is not None and draw.is_plain and not draw.min_p


def _inputs(made: Flat, rows: Sequence[int]) -> Sequence[torch.Tensor]:
    arrays = made.tokens, made.positions, made.slots, made.tables, made.lengths, made.firsts
    return [*map(torch.from_numpy, arrays), torch.tensor(rows)]
