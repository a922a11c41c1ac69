from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from inference.engine.checkpoint import Checkpoint, inspect
from inference.engine.encoder_runner import EncoderRunner
from inference.engine.errors import CheckpointError
from inference.engine.models.layers import DtypeName
from inference.engine.models.ragged import Ragged
from tests.inference.engine import checkpoints

TEXTS = [
    "A cell is one region's complete deployment.",
    "Short.",
    "Ünïcode, 漢字 and emoji 🙂 go through the same tokenizer, " * 6,
    "the the the",
]


def embed(folder: Path, texts: list[list[int]], dtype: DtypeName = "float32") -> numpy.ndarray:
    vectors = EncoderRunner(Checkpoint.open(folder), dtype=dtype).embed(texts, [None] * len(texts))
    return numpy.array([numpy.frombuffer(vector or b"", dtype="<f4") for vector in vectors])


def test_minilm_equals_the_reference_implementation() -> None:
    folder = checkpoints.minilm()
    tokenizer = Checkpoint.open(folder).tokenizer()
    reference_tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder)
    reference: Any = transformers.BertModel.from_pretrained(folder).eval()
    encoded = reference_tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        hidden = reference(**encoded).last_hidden_state
    mask = encoded["attention_mask"][..., None].float()
    expected = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1).numpy()

    ids = [tokenizer.encode(text) for text in TEXTS]
    ours = embed(folder, ids)

    assert ids == [reference_tokenizer(text)["input_ids"] for text in TEXTS]
    assert ((ours * expected).sum(1) > 0.9999).all()
    assert numpy.abs(ours - expected).max() < 1e-5
    assert numpy.linalg.norm(ours, axis=1) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(("kind", "pooling"), [("bert", "cls"), ("bert", "mean"), ("roberta", "mean")])
def test_random_encoders_equal_transformers(tmp_path: Path, kind: str, pooling: str) -> None:
    folder = checkpoints.save_encoder(tmp_path, kind, pooling=pooling)
    texts = [[5, 9, 200, 31], [7] * 60, [300]]
    model: Any = transformers.AutoModel.from_pretrained(folder).eval()
    expected = []
    for ids in texts:
        with torch.inference_mode():
            hidden = model(torch.tensor([ids])).last_hidden_state[0]
        expected.append(hidden[0] if pooling == "cls" else hidden.mean(0))

    assert numpy.abs(embed(folder, texts) - torch.stack(expected).numpy()).max() < 1e-5
    assert inspect(folder).kind == "embedding"
    assert inspect(folder).max_tokens == (66 if kind == "bert" else 64)


@pytest.mark.parametrize("dtype", ["auto", "float16", "bfloat16"])
def test_minilm_in_half_precision_points_the_same_way(dtype: DtypeName) -> None:
    folder = checkpoints.minilm()
    tokenizer = Checkpoint.open(folder).tokenizer()
    ids = [tokenizer.encode(text) for text in TEXTS]

    cosine = (embed(folder, ids, dtype) * embed(folder, ids)).sum(1)

    assert cosine.min() >= 0.9999


def test_a_text_has_the_same_vector_alone_and_in_company(tmp_path: Path) -> None:
    folder = checkpoints.save_encoder(tmp_path)
    texts = [[5 + i % 7] * (1 + i * 13 % 60) for i in range(12)]

    together = embed(folder, texts)
    alone = numpy.concatenate([embed(folder, [ids]) for ids in texts])

    assert numpy.abs(together - alone).max() < 1e-5


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6))
@settings(max_examples=20, deadline=None)
def test_ways_to_attend_agree_and_see_one_text_alone(lengths: list[int]) -> None:
    texts = Ragged(lengths, torch.device("cpu"))
    q, k, v = torch.randn(3, texts.tokens, 4, 8, generator=torch.Generator().manual_seed(len(lengths)))

    mixed = texts.attend(q, k, v)
    begin = 0
    for length in lengths:
        own = slice(begin, begin + length)
        weights = torch.einsum("ihd,jhd->hij", q[own], k[own] / 8**0.5).softmax(-1)
        expected = torch.einsum("hij,jhd->ihd", weights, v[own]).flatten(1)
        assert torch.allclose(mixed[own], expected, atol=1e-5)
        begin += length

    assert torch.allclose(texts.attend_padded(q, k, v), mixed, atol=1e-5)
    assert texts.places().tolist() == [place for length in lengths for place in range(length)]


def test_a_weight_beyond_float16_is_held_in_float32_instead(tmp_path: Path) -> None:
    folder = checkpoints.save_encoder(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    tensors["encoder.layer.0.output.dense.weight"][3, 3] = 1e5
    save_file(tensors, folder / "model.safetensors")

    with pytest.raises(CheckpointError, match="float32"):
        EncoderRunner(Checkpoint.open(folder), dtype="float16")
    assert EncoderRunner(Checkpoint.open(folder), dtype="auto").dtype in ("float32", "bfloat16")


def test_an_output_that_is_not_finite_is_told_from_the_others(tmp_path: Path) -> None:
    runner = EncoderRunner(Checkpoint.open(checkpoints.save_encoder(tmp_path)))
    runner._network.word_embeddings.weight[9] = float("nan")

    vectors = runner.embed([[5, 6], [5, 9]], [None, 16])

    assert [vector is None for vector in vectors] == [False, True]
