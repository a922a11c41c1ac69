"""A decoder's step for a GPU: the program over pages that its kernels compute, and its plans, one for each number of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import torch

from compiler.artifact.kernel_folder import SizePlan
from compiler.backends.triton.plans import numbers
from compiler.backends.triton.sampling import drawing
from compiler.frontend.exported import capture
from compiler.ir.graph import Graph
from compiler.ir.program import Program
from compiler.passes.manager import for_gpu, optimized
from compiler.passes.specialize import generalize, specialize
from inference.engine.architecture import DecoderConfig
from inference.engine.blocks import BLOCK_TOKENS, blocks_for
from inference.engine.compiled_step import example
from inference.engine.gpu import Cutting, Gpu
from inference.engine.models.decoder import Decoder
from inference.engine.models.layers import RmsNorm
from inference.engine.models.plain_step import DYNAMIC, PlainStep, cache_name

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
    gpu: Gpu,
    cuttings: Mapping[int, Cutting],
) -> dict[int, SizePlan]:
    """For a cache of so many pages, by number of tokens, each cut in its way, with what draws a token from each row of logits.
    Raises NotPlanned."""
    plans = {}
    for size, cutting in cuttings.items():
        bound = {"W": width_of(config), "S": pages * BLOCK_TOKENS, "T": size, "R": rows_of(size)}
        made = gpu.plan(specialize(program, bound).graph, cutting)
        logits = made.plan.graph.outputs[0]
        draws = drawing(rows_of(size), numbers(logits.shape)[-1], logits.dtype).launches
        plans[size] = replace(made, after=draws)
    return plans


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
