"""Encoders on a CUDA device: whether torch and the compiler's kernels give the CPU's vectors, and how fast both are."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch

from bench.gpu.checks import KERNELS, few_sizes
from bench.peers import llama
from inference.engine.checkpoint import Checkpoint
from inference.engine.encoder_kernels import captured_encoder
from inference.engine.encoder_runner import EncoderRunner
from inference.engine.encoding import Encoding
from inference.engine.kernels import Captured
from inference.engine.models.layers import DtypeName

TINY = {"hidden_size": 96, "intermediate_size": 192, "num_hidden_layers": 3, "num_attention_heads": 4}
MINILM = {"hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6, "num_attention_heads": 12}
LARGE = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
VOCABULARY = 2000
RUNS = 15


@contextmanager
def checkpoint(**sizes: int) -> Iterator[Checkpoint]:
    """A BERT of these sizes with random weights, while it is needed."""
    import transformers

    torch.manual_seed(5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        transformers.BertModel(transformers.BertConfig(vocab_size=VOCABULARY, **sizes)).save_pretrained(folder)
        (folder / "tokenizer.json").write_text(llama.tokenizer(VOCABULARY))
        yield Checkpoint.open(folder)


def parity() -> dict[str, Any]:
    """Least cosine of some texts' vectors on the device to the CPU's."""
    texts = [[2 + (i * 31 + j * 7) % 1900 for j in range(1 + (i * 37) % 200)] for i in range(24)]
    found = {}
    with checkpoint(**TINY) as made:
        expected = torch.from_numpy(EncoderRunner(made).computed(texts))
        types: tuple[DtypeName, ...] = "float32", "bfloat16"
        for dtype in types:
            ways: dict[str, Encoding] = {
                "torch": EncoderRunner(made, device="cuda", dtype=dtype),
                "kernels": captured_encoder(Captured(few_sizes(), KERNELS), made, dtype),
            }
            for way, encoder in ways.items():
                vectors = torch.from_numpy(encoder.computed(texts))
                cosine = float(torch.cosine_similarity(vectors, expected, dim=-1).min())
                found[f"{way} {dtype}"] = {"cosine": cosine, "ok": cosine > 0.999}
    return found


def speed(sizes: dict[str, int]) -> dict[str, Any]:
    """Texts of 8 to 250 tokens: medians of calls that take turns, and how many times as fast as torch's the kernels are."""
    generator = torch.Generator().manual_seed(7)
    found = {}
    with checkpoint(**sizes) as made:
        pair: tuple[Encoding, ...] = (
            captured_encoder(Captured(few_sizes(), KERNELS), made, "bfloat16"),
            EncoderRunner(made, device="cuda", dtype="bfloat16"),
        )
        for count in (1, 8, 64, 256):
            lengths = torch.randint(8, 250, (count,), generator=generator).tolist()
            texts = [torch.randint(2, VOCABULARY, (length,), generator=generator).tolist() for length in lengths]
            times: list[list[float]] = [[], []]
            for _ in range(RUNS + 2):
                for encoder, taken in zip(pair, times, strict=True):
                    began = perf_counter()
                    encoder.computed(texts)
                    taken.append(perf_counter() - began)
            mine, theirs = (median(taken[2:]) for taken in times)
            found[f"{count} texts"] = {"ms": mine * 1e3, "torch_ms": theirs * 1e3, "ratio": theirs / mine}
    return found
