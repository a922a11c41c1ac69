"""A decoder's step for a GPU: the program over pages that its kernels compute, and its plans, one for each number of tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch

from compiler.backends.triton.capabilities import Capabilities
from compiler.backends.triton.codegen import planned
from compiler.backends.triton.plans import Launch, NotPlanned, Plan, numbers
from compiler.backends.triton.sampling import drawing
from compiler.frontend.exported import capture
from compiler.ir.graph import Graph
from compiler.ir.program import Program
from compiler.passes.manager import for_gpu, optimized
from compiler.passes.specialize import generalize, specialize
from inference.engine.architecture import DecoderConfig
from inference.engine.blocks import BLOCK_TOKENS, blocks_for
from inference.engine.compiled_step import example
from inference.engine.models.decoder import Decoder
from inference.engine.models.layers import RmsNorm
from inference.engine.models.plain_step import DYNAMIC, PlainStep, cache_name

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
"""Tokens of a step: answers that go on, and prompts beside them."""
_MOST_ROWS = 64
"""Of which logits are wanted."""
_LONGEST = 32_768
"""Tokens of a text. Beyond, its table of pages takes longer to send than kernels save."""


def kernel_program(network: Decoder, quantized: torch.dtype | None = None) -> Program:
    """The step in the network's own types, but for the draw at its end; on the CPU, where graphs are captured. Weights are int8 or
    float8 where they are `quantized`. Raises Unsupported or Unquantizable."""
    dtype = network.norm.weight.dtype
    copy = Decoder(network.config, partial(torch.empty, dtype=dtype, device=torch.device("cpu")))
    copy.load_state_dict(network.state_dict())
    program = capture(PlainStep(copy, dtype), example(), dynamic=DYNAMIC)
    program = generalize(program, {cache_name(layer): {0: "S"} for layer in range(network.config.layers)})
    graph = program.graph
    kept = tuple(value for value in graph.inputs if value["name"] not in ("shares", "whole"))
    logits = replace(program, graph=Graph(kept, graph.outputs[:1], graph.states)).pruned()
    return replace(for_gpu(optimized(logits), quantized=quantized), states={}).pruned()


def width_of(config: DecoderConfig) -> int:
    """Pages of the longest text that the kernels take."""
    return blocks_for(min(config.max_tokens, _LONGEST))


def rows_of(size: int) -> int:
    """Of how many tokens of a step of that size logits are had."""
    return min(size, _MOST_ROWS)


def plans_of(
    program: Program,
    config: DecoderConfig,
    pages: int,
    chip: Capabilities,
    *,
    sizes: Iterable[int] = SIZES,
    upcast: bool = False,
) -> dict[int, Plan]:
    """For a cache of so many pages, by number of tokens. `upcast` is for Triton's interpreter. Raises NotPlanned."""
    plans = {}
    for size in sizes:
        bound = {"W": width_of(config), "S": pages * BLOCK_TOKENS, "T": size, "R": rows_of(size)}
        plan = planned(specialize(program, bound).graph, chip, upcast=upcast)
        if plan.references:
            # ATen would write the padding somewhere, and what it does is not recorded.
            raise NotPlanned("; ".join(sorted({reference.reason for reference in plan.references})))
        plans[size] = plan
    return plans


def with_draws(plans: Mapping[int, Plan]) -> dict[int, tuple[Plan, Sequence[Launch]]]:
    """Each plan, and what draws a token from each row of its logits."""
    found = {}
    for size, plan in plans.items():
        logits = plan.graph.outputs[0]
        found[size] = plan, drawing(rows_of(size), numbers(logits.shape)[-1], logits.dtype).launches
    return found


def share(network: Decoder, weights: Mapping[str, torch.Tensor]) -> None:
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
