"""What a checkpoint's `config.json` says about its network, and which tensors that network has. Imports no torch.

Names and defaults are those of the transformers configuration classes of each family.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from inference.engine.config_reader import ConfigReader

Shape = tuple[int, ...]
RopeKind = Literal["default", "linear", "dynamic", "llama3", "yarn"]
Pooling = Literal["mean", "cls"]

DECODERS = {
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "mistral",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
}
ENCODERS = {"BertModel": "bert", "RobertaModel": "roberta", "XLMRobertaModel": "roberta"}
TAGGERS = {
    "BertForTokenClassification": "bert",
    "RobertaForTokenClassification": "roberta",
    "XLMRobertaForTokenClassification": "roberta",
}
"""Encoders with a head that scores labels at every token."""
HEAD = "classifier."
MAX_LABELS = 512


@dataclass(frozen=True, slots=True)
class RopeConfig:
    """Rotary embedding and its scaling, as in transformers' `rope_parameters`."""

    kind: RopeKind
    theta: float
    factor: float = 1.0
    original_max_position: int = 0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    attention_factor: float | None = None
    mscale: float | None = None
    mscale_all_dim: float | None = None
    truncate: bool = True


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """A Llama-style decoder: RMSNorm, rotary grouped-query attention, gated SiLU feed-forward."""

    architecture: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    norm_eps: float
    max_tokens: int
    rope: RopeConfig
    windows: tuple[int | None, ...]
    """Sliding window of each layer, in tokens; None attends to everything before."""
    qkv_bias: bool
    output_bias: bool
    mlp_bias: bool
    qk_norm: bool
    tied: bool

    def tensors(self) -> dict[str, Shape]:
        """Every tensor the checkpoint must hold, by its transformers name."""
        hidden, q, kv = self.hidden_size, self.heads * self.head_dim, self.kv_heads * self.head_dim
        shapes: dict[str, Shape] = {
            "model.embed_tokens.weight": (self.vocab_size, hidden),
            "model.norm.weight": (hidden,),
        }
        if not self.tied:
            shapes["lm_head.weight"] = (self.vocab_size, hidden)
        for i in range(self.layers):
            layer = f"model.layers.{i}."
            shapes[layer + "input_layernorm.weight"] = (hidden,)
            shapes[layer + "post_attention_layernorm.weight"] = (hidden,)
            for name, rows in (("q_proj", q), ("k_proj", kv), ("v_proj", kv)):
                shapes[f"{layer}self_attn.{name}.weight"] = (rows, hidden)
                if self.qkv_bias:
                    shapes[f"{layer}self_attn.{name}.bias"] = (rows,)
            shapes[layer + "self_attn.o_proj.weight"] = (hidden, q)
            if self.output_bias:
                shapes[layer + "self_attn.o_proj.bias"] = (hidden,)
            if self.qk_norm:
                shapes[layer + "self_attn.q_norm.weight"] = (self.head_dim,)
                shapes[layer + "self_attn.k_norm.weight"] = (self.head_dim,)
            for name, rows, columns in (
                ("gate_proj", self.intermediate_size, hidden),
                ("up_proj", self.intermediate_size, hidden),
                ("down_proj", hidden, self.intermediate_size),
            ):
                shapes[f"{layer}mlp.{name}.weight"] = (rows, columns)
                if self.mlp_bias:
                    shapes[f"{layer}mlp.{name}.bias"] = (rows,)
        return shapes

    def ignores(self, name: str) -> bool:
        """Whether a checkpoint may hold `name` although nothing reads it: old rotary buffers, the copy of a tied head."""
        return name.endswith("rotary_emb.inv_freq") or (self.tied and name == "lm_head.weight")


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """A BERT-style encoder with learned positions; its answer is one pooled vector a text, or, where it has `labels`, a score
    for each of them at every token."""

    architecture: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    norm_eps: float
    activation: Literal["gelu", "gelu_tanh", "relu"]
    positions: int
    first_position: int
    """Position of the first token: 0 in BERT, the padding id plus one in RoBERTa."""
    token_types: int
    max_tokens: int
    pooling: Pooling
    normalize: bool
    labels: tuple[str, ...] = ()

    def tensors(self) -> dict[str, Shape]:
        """Every tensor the checkpoint must hold, by its transformers name."""
        hidden, wide = self.hidden_size, self.intermediate_size
        shapes: dict[str, Shape] = {
            "embeddings.word_embeddings.weight": (self.vocab_size, hidden),
            "embeddings.position_embeddings.weight": (self.positions, hidden),
            "embeddings.token_type_embeddings.weight": (self.token_types, hidden),
            "embeddings.LayerNorm.weight": (hidden,),
            "embeddings.LayerNorm.bias": (hidden,),
        }
        for i in range(self.layers):
            layer = f"encoder.layer.{i}."
            for name, rows, columns in (
                ("attention.self.query", hidden, hidden),
                ("attention.self.key", hidden, hidden),
                ("attention.self.value", hidden, hidden),
                ("attention.output.dense", hidden, hidden),
                ("intermediate.dense", wide, hidden),
                ("output.dense", hidden, wide),
            ):
                shapes[f"{layer}{name}.weight"] = (rows, columns)
                shapes[f"{layer}{name}.bias"] = (rows,)
            for name in ("attention.output.LayerNorm", "output.LayerNorm"):
                shapes[f"{layer}{name}.weight"] = (hidden,)
                shapes[f"{layer}{name}.bias"] = (hidden,)
        if self.labels:
            shapes[HEAD + "weight"] = (len(self.labels), hidden)
            shapes[HEAD + "bias"] = (len(self.labels),)
        return shapes

    def ignores(self, name: str) -> bool:
        """Whether a checkpoint may hold `name` although nothing reads it: index buffers and the pooler head."""
        return name in ("embeddings.position_ids", "embeddings.token_type_ids") or name.startswith("pooler.")


def parse_decoder(architecture: str, values: Mapping[str, Any]) -> DecoderConfig:
    """Reads a decoder's `config.json`. Raises CheckpointError for a value that is missing, wrong or not supported."""
    family = DECODERS[architecture]
    config = ConfigReader(values, "config.json")
    if config.get("hidden_act", "silu") != "silu":
        raise config.error("hidden_act", "is not 'silu', the only activation these decoders are served with")
    hidden, heads, layers = (
        config.size("hidden_size"),
        config.size("num_attention_heads"),
        config.size("num_hidden_layers"),
    )
    if layers > 1024:
        raise config.error("num_hidden_layers", "is more than 1024")
    kv_heads = config.size("num_key_value_heads", 8 if family == "mistral" else heads)
    head_dim = config.size("head_dim", 128 if family == "qwen3" else max(1, hidden // heads))
    if heads % kv_heads:
        raise config.error("num_key_value_heads", f"does not divide the {heads} attention heads")
    if head_dim % 2:
        raise config.error("head_dim", "is odd, which rotary embedding cannot use")
    max_tokens = config.size("max_position_embeddings")
    attention_bias = config.flag("attention_bias", family == "qwen2")
    return DecoderConfig(
        architecture=architecture,
        vocab_size=config.size("vocab_size"),
        hidden_size=hidden,
        intermediate_size=config.size("intermediate_size"),
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        norm_eps=config.number("rms_norm_eps", 1e-6),
        max_tokens=max_tokens,
        rope=_parse_rope(config, max_tokens),
        windows=_parse_windows(config, family, layers),
        qkv_bias=family == "qwen2" or (attention_bias and family != "mistral"),
        output_bias=attention_bias and family in ("llama", "qwen3"),
        mlp_bias=config.flag("mlp_bias", False) and family == "llama",
        qk_norm=family == "qwen3",
        tied=config.flag("tie_word_embeddings", False),
    )


def _parse_windows(config: ConfigReader, family: str, layers: int) -> tuple[int | None, ...]:
    if family == "llama":
        return (None,) * layers
    if family == "mistral":
        # Mistral's configuration class defaults to 4096 when the key is absent; null switches the window off.
        absent = not config.has("sliding_window")
        window = 4096 if absent else config.size("sliding_window") if config.get("sliding_window") is not None else None
        return (window,) * layers
    if not config.flag("use_sliding_window", False) or config.get("sliding_window", 4096) is None:
        return (None,) * layers
    window = config.size("sliding_window", 4096)
    kinds = config.get("layer_types")
    if kinds is None:
        first = config.get("max_window_layers", 28)
        kinds = ["sliding_attention" if i >= first else "full_attention" for i in range(layers)]
    if not isinstance(kinds, list) or len(kinds) != layers or set(kinds) - {"sliding_attention", "full_attention"}:
        raise config.error("layer_types", "must name 'full_attention' or 'sliding_attention' for every layer")
    return tuple(window if kind == "sliding_attention" else None for kind in kinds)


def _parse_rope(config: ConfigReader, max_tokens: int) -> RopeConfig:
    values = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(values, dict):
        raise config.error("rope_parameters", "must be an object")
    rope = ConfigReader(values, "config.json, rope_parameters")
    theta = rope.number("rope_theta", config.number("rope_theta", 10000.0))
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind not in ("default", "linear", "dynamic", "llama3", "yarn"):
        raise rope.error("rope_type", "is none of default, linear, dynamic, llama3, yarn, which this engine serves")
    if rope.number("partial_rotary_factor", config.number("partial_rotary_factor", 1.0)) != 1.0:
        raise rope.error("partial_rotary_factor", "is not 1, the only value this engine serves")
    if kind == "default":
        return RopeConfig(kind="default", theta=theta)
    original = config.get("original_max_position_embeddings")
    return RopeConfig(
        kind=kind,
        theta=theta,
        factor=rope.number("factor"),
        original_max_position=original or rope.size("original_max_position_embeddings", max_tokens),
        low_freq_factor=rope.number("low_freq_factor", None if kind == "llama3" else 1.0),
        high_freq_factor=rope.number("high_freq_factor", None if kind == "llama3" else 4.0),
        beta_fast=rope.number("beta_fast", 32.0),
        beta_slow=rope.number("beta_slow", 1.0),
        attention_factor=rope.optional_number("attention_factor"),
        mscale=rope.optional_number("mscale"),
        mscale_all_dim=rope.optional_number("mscale_all_dim"),
        truncate=rope.flag("truncate", True),
    )


def parse_encoder(
    architecture: str, values: Mapping[str, Any], *, pooling: Pooling, normalize: bool, max_seq_length: int | None
) -> EncoderConfig:
    """Reads an encoder's or a tagger's `config.json`; pooling, normalization and length limit come from the files beside it."""
    family = (ENCODERS | TAGGERS)[architecture]
    config = ConfigReader(values, "config.json")
    activations = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu"}
    activation = activations.get(config.get("hidden_act", "gelu"))
    if activation is None:
        raise config.error("hidden_act", "is none of gelu, gelu_new, gelu_pytorch_tanh, relu")
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise config.error("position_embedding_type", "is not 'absolute', the only kind this engine serves")
    if config.flag("is_decoder", False):
        raise config.error("is_decoder", "is true; only encoders read a text both ways")
    hidden, heads, layers = (
        config.size("hidden_size"),
        config.size("num_attention_heads"),
        config.size("num_hidden_layers"),
    )
    if hidden % heads:
        raise config.error("num_attention_heads", f"does not divide the hidden size {hidden}")
    if layers > 1024:
        raise config.error("num_hidden_layers", "is more than 1024")
    positions = config.size("max_position_embeddings")
    first = int(config.get("pad_token_id", 1)) + 1 if family == "roberta" else 0
    return EncoderConfig(
        architecture=architecture,
        vocab_size=config.size("vocab_size"),
        hidden_size=hidden,
        intermediate_size=config.size("intermediate_size"),
        layers=layers,
        heads=heads,
        norm_eps=config.number("layer_norm_eps", 1e-12),
        activation=activation,  # type: ignore[arg-type]  # one of the Literal's values, by the table above
        positions=positions,
        first_position=first,
        token_types=config.size("type_vocab_size", 2),
        max_tokens=min(positions - first, max_seq_length or positions),
        pooling=pooling,
        normalize=normalize,
        labels=_labels(config) if architecture in TAGGERS else (),
    )


def _labels(config: ConfigReader) -> tuple[str, ...]:
    """What each output of a tagger's head is called."""
    named = config.get("id2label")
    if not isinstance(named, dict) or not 0 < len(named) <= MAX_LABELS:
        raise config.error("id2label", f"must name the labels by their numbers, at most {MAX_LABELS}")
    labels = [named.get(str(number)) for number in range(len(named))]
    if not all(isinstance(label, str) and 0 < len(label) <= 64 and label.isprintable() for label in labels):
        raise config.error(
            "id2label", f"must name a label of 1 to 64 characters for each number from 0 to {len(named) - 1}"
        )
    return tuple(str(label) for label in labels)
