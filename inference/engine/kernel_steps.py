"""Decode steps on a GPU as the compiler's kernels over the engine's pages, the next token drawn at their end; a graph each size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy
import torch

from compiler.backends.triton.capabilities import Capabilities
from compiler.backends.triton.codegen import planned
from compiler.backends.triton.graph import Recorded
from compiler.backends.triton.launch import Step
from compiler.backends.triton.plans import NotPlanned
from compiler.backends.triton.sampling import Sampler
from compiler.frontend.exported import capture
from compiler.ir.graph import Graph
from compiler.ir.program import Program
from compiler.passes.manager import for_gpu, optimized
from compiler.passes.specialize import generalize, specialize
from inference.engine.batches import fill_answers
from inference.engine.blocks import BLOCK_TOKENS, blocks_for
from inference.engine.compiled_step import example
from inference.engine.models.decoder import Decoder, KvCache
from inference.engine.models.layers import RmsNorm
from inference.engine.models.plain_step import DYNAMIC, PlainStep, cache_name
from inference.engine.sampler import Draw, Drawn
from inference.engine.scheduler import Chunk

ROWS = (1, 2, 4, 8, 16, 32, 64)
"""Answers that run at once. Beyond, a product is computing and not reading, and the vendor's library is better at it."""
_GREEDY = Draw(0.0, 0, 1.0, 0.0, None)


class Recording(Protocol):
    """What launches again what was launched when it was made."""

    def __call__(self) -> None: ...

    def pool(self) -> Any: ...


Record = Callable[[Callable[[], object], torch.device, Any], Recording]


@dataclass(frozen=True, slots=True)
class _Size:
    step: Step
    sampler: Sampler
    recording: Recording


class KernelSteps:
    """Made at once and never under traffic; calls take turns. Rows of padding are written nowhere and see nothing."""

    def __init__(
        self,
        network: Decoder,
        cache: KvCache,
        folder: Path,
        chip: Capabilities,
        device: torch.device,
        *,
        quantized: torch.dtype | None = None,
        rows: Sequence[int] = ROWS,
        record: Record = Recorded,
        upcast: bool = False,
    ) -> None:
        """Kernels are kept in `folder`. The weights of norms go into the layers of `network` that follow them, so that both compute
        with the same tensors: it says what it said before. Weights that are `quantized` are held beside the network's, which stay
        as they are. `upcast` is for Triton's interpreter.

        Raises Unsupported, NotPlanned, NoTriton or NoGraphs, and the network is as it was: it has to serve then.
        """
        program = _program(network, quantized)
        weights = {name: tensor.to(device) for name, tensor in program.weights.items()}
        states = {cache_name(number): layer.flatten(0, 1) for number, layer in enumerate(cache)}
        self._width = min(blocks_for(network.config.max_tokens), len(cache[0]))
        bucket = {"W": self._width, "S": len(cache[0]) * BLOCK_TOKENS}
        pool = None
        self._sizes: dict[int, _Size] = {}
        # The largest first: the others then live in memory that it has taken.
        for count in sorted(rows, reverse=True):
            bound = specialize(program, {**bucket, "T": count, "R": count})
            plan = planned(bound.graph, chip, upcast=upcast)
            if plan.references:
                # ATen would write the padding somewhere, and what it does is not recorded.
                raise NotPlanned("; ".join(sorted({reference.reason for reference in plan.references})))
            step = Step(plan, replace(bound, weights=weights), states, folder, device=device)
            sampler = Sampler(step.outputs[0], folder)
            # What is run to be recorded is padding, too.
            step.fill(_inputs((), count, self._width))
            recording = record(partial(_run, step, sampler), device, pool)
            pool = recording.pool()
            self._sizes[count] = _Size(step, sampler, recording)
        if quantized is None:
            _share(network, weights)

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


def _program(network: Decoder, quantized: torch.dtype | None) -> Program:
    """The step in the network's own types, but for the draw at its end; on the CPU, where graphs are captured."""
    dtype = network.norm.weight.dtype
    copy = Decoder(network.config, partial(torch.empty, dtype=dtype, device=torch.device("cpu")))
    copy.load_state_dict(network.state_dict())
    program = capture(PlainStep(copy, dtype), example(), dynamic=DYNAMIC)
    program = generalize(program, {cache_name(layer): {0: "S"} for layer in range(network.config.layers)})
    graph = program.graph
    kept = tuple(value for value in graph.inputs if value["name"] not in ("shares", "whole"))
    logits = replace(program, graph=Graph(kept, graph.outputs[:1], graph.states)).pruned()
    return for_gpu(optimized(logits), quantized=quantized)


def _share(network: Decoder, weights: Mapping[str, torch.Tensor]) -> None:
    """Has the network compute with the program's weights: a norm's is in the layers that read it, and its own is 1. All of them, or
    where one is no longer what the network could read, none."""
    own = {f"network.{name}": parameter for name, parameter in network.named_parameters()}
    named = {name: tensor for name, tensor in weights.items() if name.startswith("network.")}
    pairs = [(own.get(name.partition("~")[0]), tensor, "~" in name) for name, tensor in named.items()]
    if any(changed and not _is_like(parameter, tensor) for parameter, tensor, changed in pairs):
        return
    for parameter, tensor, _ in pairs:
        if parameter is not None:
            parameter.data = tensor
    for name, module in network.named_modules():
        if isinstance(module, RmsNorm) and f"network.{name}.weight" not in weights:
            module.weight.data.fill_(1.0)


def _is_like(parameter: torch.Tensor | None, tensor: torch.Tensor) -> bool:
    return parameter is not None and (parameter.shape, parameter.dtype) == (tensor.shape, tensor.dtype)
