"""llama.cpp as a competitor, in an environment of its own: weights in q8_0, one context, all prompts of an order in it.

What is measured is its C interface, called as its own server calls it: a prompt or one token of each sequence a call of
`llama_decode`, then its greedy sampler. The file is written here of the same checkpoint, the rows of q and k in the order that
it turns pairs of values in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from ctypes import c_void_p
from dataclasses import asdict
from functools import cache
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import gguf
import llama_cpp
import numpy
from safetensors import safe_open

from bench.peers import llama
from bench.peers.orders import Decoded, Order, prompts, serve

VERSION = 1
"""Raise to have the files written anew."""
PLACES = 320
"""Of one sequence."""
_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


@llama_cpp.llama_log_callback
def _silent(level: int, text: bytes, data: c_void_p) -> None:
    """Must stay referenced for as long as the library may call it."""


def written(name: str) -> Path:
    """The checkpoint as GGUF; made on the first call."""
    folder = llama.checkpoint(name)
    file = folder.parent / f"{folder.name}-q8_0-{VERSION}.gguf"
    if not file.exists():
        part = file.with_suffix(".part")
        _write(part, folder)
        part.rename(file)
    return file


def _write(file: Path, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("no_vocab")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(groups)
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    with safe_open(folder / "model.safetensors", "pt") as tensors:
        for name in tensors.keys():  # noqa: SIM118  # not a mapping
            values = tensors.get_tensor(name).float().numpy()
            if "q_proj" in name or "k_proj" in name:
                values = _paired(values, heads if "q_proj" in name else groups)
            if values.ndim == 1:
                writer.add_tensor(_named(name), values)
            else:
                kind = gguf.GGMLQuantizationType.Q8_0
                writer.add_tensor(_named(name), gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _named(name: str) -> str:
    outside = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    stem = name.removesuffix(".weight")
    if stem in outside:
        return f"{outside[stem]}.weight"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{_NAMES[part]}.weight"


def _paired(values: numpy.ndarray, heads: int) -> numpy.ndarray:
    """Rows of a head so that those that turn together are neighbours."""
    return values.reshape(heads, 2, -1, values.shape[1]).swapaxes(1, 2).reshape(values.shape)


@cache
def model(name: str) -> Any:
    llama_cpp.llama_log_set(_silent, c_void_p())
    llama_cpp.llama_backend_init()
    made = llama_cpp.llama_model_load_from_file(str(written(name)).encode(), llama_cpp.llama_model_default_params())
    if not made:
        raise RuntimeError(f"llama.cpp does not load {written(name)}")
    return made


class Context:
    """Room for as many sequences as an order has prompts, and a sampler."""

    def __init__(self, name: str, sequences: int, prompt: int) -> None:
        options = llama_cpp.llama_context_default_params()
        options.n_ctx = sequences * max(PLACES, prompt + 16)
        options.n_batch = options.n_ubatch = 512
        options.n_seq_max = sequences
        options.n_threads = options.n_threads_batch = os.cpu_count() or 1
        self._context = llama_cpp.llama_init_from_model(model(name), options)
        self._batch = llama_cpp.llama_batch_init(512, 0, 1)
        self._sampler = llama_cpp.llama_sampler_init_greedy()

    def close(self) -> None:
        llama_cpp.llama_sampler_free(self._sampler)
        llama_cpp.llama_batch_free(self._batch)
        llama_cpp.llama_free(self._context)

    def run(self, entries: list[tuple[int, int, int, bool]]) -> list[int]:
        """Computes (sequence, place, token, whether to draw what follows it), at most 512; the tokens drawn."""
        batch = self._batch
        batch.n_tokens = len(entries)
        for number, (sequence, place, token, drawn) in enumerate(entries):
            batch.token[number], batch.pos[number] = token, place
            batch.n_seq_id[number], batch.seq_id[number][0] = 1, sequence
            batch.logits[number] = drawn
        if status := llama_cpp.llama_decode(self._context, batch):
            raise RuntimeError(f"llama_decode gave {status}")
        return [
            llama_cpp.llama_sampler_sample(self._sampler, self._context, number)
            for number, entry in enumerate(entries)
            if entry[3]
        ]


def decode(order: Order) -> Decoded:
    given = prompts(llama.SIZES[order.model].vocabulary, order.batch, order.prompt, order.seed)
    context = Context(order.model, order.batch, order.prompt)
    start = perf_counter()
    tokens: list[int] = []
    # As many whole prompts a call as it takes.
    together = max(1, 512 // order.prompt)
    for first in range(0, order.batch, together):
        tokens += context.run(
            [
                (sequence, place, token, place == order.prompt - 1)
                for sequence, prompt in enumerate(given[first : first + together], first)
                for place, token in enumerate(prompt)
            ]
        )
    begun, begun_cpu = perf_counter(), process_time()
    steps = 0
    while steps < order.generate - 1 and perf_counter() - begun < order.seconds:
        place = order.prompt + steps
        tokens = context.run([(sequence, place, token, True) for sequence, token in enumerate(tokens)])
        steps += 1
    ended, cpu = perf_counter(), process_time() - begun_cpu
    context.close()
    return Decoded(begun - start, steps * order.batch, ended - begun, cpu)


def _answer(order: Order) -> Mapping[str, Any]:
    return asdict(decode(order))


if __name__ == "__main__":
    serve(_answer)
