"""Hugging Face transformers as a competitor: `generate`, greedy, with the same checkpoint and as many threads.

Ways are `eager` and `compiled` (static cache, `torch.compile` of the forward as transformers sets it up) and a type:
``eager float32``. What is compiled is compiled before anything is measured.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from time import perf_counter, process_time
from typing import Any

import torch
import transformers
from transformers.generation import StoppingCriteria

from bench.peers import llama
from bench.peers.orders import Decoded, Order, serve

WAYS = ("eager float32", "eager bfloat16", "compiled float32", "compiled bfloat16")


class Stamps(StoppingCriteria):  # type: ignore[misc]
    """Notes when each token of the batch was there, and ends the answers after `seconds` of decoding."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.times: list[float] = []
        self.cpu: list[float] = []

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        self.times.append(perf_counter())
        self.cpu.append(process_time())
        late = self.times[-1] - self.times[0] > self._seconds
        return torch.full((len(input_ids),), late, dtype=torch.bool, device=input_ids.device)


@cache
def network(name: str, dtype: str, device: str = "cpu") -> Any:
    made = transformers.AutoModelForCausalLM.from_pretrained(llama.checkpoint(name), dtype=getattr(torch, dtype))
    return made.to(device).eval()


_compiled: set[tuple[str, str, int]] = set()


def decode(order: Order, device: str = "cpu") -> Decoded:
    kind, dtype = order.way.split()
    shape = (order.model, order.way, order.batch)
    if kind == "compiled" and shape not in _compiled:
        _compiled.add(shape)
        _generate(order, kind, dtype, device)
    start = perf_counter()
    stamps = _generate(order, kind, dtype, device)
    steps = len(stamps.times) - 1
    return Decoded(
        stamps.times[0] - start, steps * order.batch, stamps.times[-1] - stamps.times[0], stamps.cpu[-1] - stamps.cpu[0]
    )


@torch.inference_mode()
def _generate(order: Order, kind: str, dtype: str, device: str) -> Stamps:
    made = network(order.model, dtype, device)
    generator = torch.Generator().manual_seed(order.seed)
    ids = torch.randint(300, made.config.vocab_size, (order.batch, order.prompt), generator=generator).to(device)
    stamps = Stamps(order.seconds)
    options: dict[str, Any] = {}
    if kind == "compiled":
        options["cache_implementation"] = "static"
        options["compile_config"] = transformers.CompileConfig(
            mode="reduce-overhead" if device == "cuda" else None, fullgraph=False, dynamic=False
        )
        # Without it transformers compiles on a GPU alone.
        options["compile_config"]._compile_all_devices = True
    made.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=order.generate,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
        stopping_criteria=[stamps],
        **options,
    )
    return stamps


def _answer(order: Order) -> Mapping[str, Any]:
    return asdict(decode(order))


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(os.cpu_count() or 1)
    serve(_answer)
