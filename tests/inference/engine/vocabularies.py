"""Tokenizers of the two kinds there are, as tokenizer.json texts."""

from __future__ import annotations

from functools import cache

import tokenizers
from tokenizers import decoders, models, normalizers

from inference.engine.vocabulary import Vocabulary
from tests.inference.engine import checkpoints


@cache
def byte_level() -> Vocabulary:
    """The BPE of the random checkpoints: 320 tokens, </s> is 1."""
    return Vocabulary(checkpoints.tokenizer().to_str(), checkpoints.SIZES["vocab_size"], [1])


@cache
def sentence_piece() -> Vocabulary:
    """As Llama 2 has it: spaces as ▁, bytes as <0x41>, </s> is 2; no byte has two tokens but those of its character."""
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces += ["▁", *(chr(code) for code in range(33, 127)), "▁the", '":', '",', "er", "00", "é"]
    made = tokenizers.Tokenizer(
        models.BPE({piece: token for token, piece in enumerate(pieces)}, [], byte_fallback=True, unk_token="<unk>")
    )
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    made.add_special_tokens(["<unk>", "<s>", "</s>"])
    return Vocabulary(made.to_str(), 400, [2])
