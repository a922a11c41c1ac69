from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
import transformers

from inference.engine.checkpoint import Checkpoint, inspect
from inference.engine.encoder_runner import EncoderRunner
from tests.inference.engine import checkpoints

TEXTS = [
    "A cell is one region's complete deployment.",
    "Short.",
    "Ünïcode, 漢字 and emoji 🙂 go through the same tokenizer, " * 6,
    "the the the",
]


def embed(folder: Path, texts: list[list[int]]) -> numpy.ndarray:
    vectors = EncoderRunner(Checkpoint.open(folder)).embed(texts, [None] * len(texts))
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


def test_an_output_that_is_not_finite_is_told_from_the_others(tmp_path: Path) -> None:
    runner = EncoderRunner(Checkpoint.open(checkpoints.save_encoder(tmp_path)))
    runner._network.word_embeddings.weight[9] = float("nan")

    vectors = runner.embed([[5, 6], [5, 9]], [None, 16])

    assert [vector is None for vector in vectors] == [False, True]
