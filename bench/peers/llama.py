"""Llama checkpoints with random weights, made once and kept: their speed is that of trained ones, their text is not text."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).resolve().parents[2] / ".cache" / "bench-llama"
VOCABULARY = 16_000
MAX_TOKENS = 4096
_FORMAT = 1
"""Counted up whenever what is written changes, so that an old folder is not taken for the new one."""


@dataclass(frozen=True, slots=True)
class Size:
    layers: int
    hidden: int
    wide: int
    heads: int
    kv_heads: int
    head_dim: int = 64
    vocabulary: int = VOCABULARY


SIZES = {
    "tiny": Size(3, 128, 192, 4, 2, head_dim=32, vocabulary=2000),
    "25m": Size(8, 384, 1024, 6, 2),
    "260m": Size(20, 1024, 2816, 16, 4),
    "1b": Size(20, 2048, 5632, 32, 8),
}


def checkpoint(name: str) -> Path:
    """The folder of a checkpoint of this size in bfloat16, written on the first call."""
    size = SIZES[name]
    folder = HOME / f"llama-{name}-{_FORMAT}"
    if not (folder / "config.json").is_file():
        made = folder.with_suffix(".part")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        _write_weights(made / "model.safetensors", size)
        (made / "tokenizer.json").write_text(tokenizer(size.vocabulary))
        (made / "tokenizer_config.json").write_text('{"bos_token": "<s>", "eos_token": "</s>"}')
        (made / "config.json").write_text(json.dumps(_config(size)))
        made.rename(folder)
    return folder


def read_per_token(name: str) -> int:
    """Elements of the matrices that a token's step reads: all of the checkpoint but the embedding table and norms."""
    size = SIZES[name]
    q, kv = size.heads * size.head_dim, size.kv_heads * size.head_dim
    layer = size.hidden * (2 * q + 2 * kv + 3 * size.wide)
    return size.layers * layer + size.vocabulary * size.hidden


def _config(size: Size) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": size.vocabulary,
        "hidden_size": size.hidden,
        "intermediate_size": size.wide,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.kv_heads,
        "head_dim": size.head_dim,
        "max_position_embeddings": MAX_TOKENS,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "rope_theta": 10000.0,
        "bos_token_id": 0,
        "eos_token_id": None,
        "torch_dtype": "bfloat16",
    }


def _write_weights(file: Path, size: Size) -> None:
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(7)
    q, kv = size.heads * size.head_dim, size.kv_heads * size.head_dim
    tensors: dict[str, torch.Tensor] = {}

    def matrix(name: str, rows: int, columns: int) -> None:
        values = torch.empty(rows, columns).normal_(0.0, columns**-0.5, generator=generator)
        tensors[f"{name}.weight"] = values.bfloat16()

    matrix("model.embed_tokens", size.vocabulary, size.hidden)
    matrix("lm_head", size.vocabulary, size.hidden)
    tensors["model.norm.weight"] = torch.ones(size.hidden, dtype=torch.bfloat16)
    for number in range(size.layers):
        layer = f"model.layers.{number}"
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{layer}.{norm}.weight"] = torch.ones(size.hidden, dtype=torch.bfloat16)
        matrix(f"{layer}.self_attn.q_proj", q, size.hidden)
        matrix(f"{layer}.self_attn.k_proj", kv, size.hidden)
        matrix(f"{layer}.self_attn.v_proj", kv, size.hidden)
        matrix(f"{layer}.self_attn.o_proj", size.hidden, q)
        matrix(f"{layer}.mlp.gate_proj", size.wide, size.hidden)
        matrix(f"{layer}.mlp.up_proj", size.wide, size.hidden)
        matrix(f"{layer}.mlp.down_proj", size.hidden, size.wide)
    save_file(tensors, file, metadata={"format": "pt"})


def tokenizer(count: int) -> str:
    """A byte-level vocabulary of `count` tokens: two ends, the bytes, and made-up words after a space."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = "abcdefghijklmnopqrstuvwxyz"
    names = ["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    words = (f"Ġ{a}{b}{c}" for a in letters for b in letters for c in letters)
    names += [next(words) for _ in range(count - len(names))]
    made = Tokenizer(models.BPE(vocab={name: number for number, name in enumerate(names)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return str(made.to_str())
