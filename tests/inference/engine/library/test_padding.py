from __future__ import annotations

import asyncio

import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from inference.engine import AsyncInferenceEngine, BatchInferenceEngine, ConfigError, InferenceOptConfig, Padding
from tests.inference.engine.library.modules import Parts, seeded

PLAIN = InferenceOptConfig(enable_cache=False, device="cpu", max_batch_size=16, num_inference_threads=1)


class TinyEncoder(nn.Module):
    """Tokens to a state of width 16 for each, a pooled one, and the width once more for each token."""

    def __init__(self, masked: bool = True) -> None:
        super().__init__()
        self.masked = masked
        self.embed = nn.Embedding(100, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> dict[str, Tensor]:
        mask = torch.ones_like(input_ids) if attention_mask is None or not self.masked else attention_mask
        if (input_ids == 99).any():
            raise ValueError("99 is not a token")
        states = self.layer(self.embed(input_ids), src_key_padding_mask=mask == 0)
        weights = mask.unsqueeze(-1).to(states.dtype)
        return {"states": states, "pooled": (states * weights).sum(1) / weights.sum(1), "ids": input_ids}


def texts(*lengths: int) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(5)
    return [{"input_ids": torch.randint(1, 90, (length,), generator=generator)} for length in lengths]


def check(model: nn.Module, engine: BatchInferenceEngine, inputs: list[dict[str, Tensor]]) -> list[int]:
    results = engine.infer_batch(inputs)
    for value, result in zip(inputs, results, strict=True):
        with torch.no_grad():
            expected = model(**{name: part[None] for name, part in value.items()})
        for name, part in expected.items():
            torch.testing.assert_close(result.unwrap()[name], part[0], atol=1e-4, rtol=1e-4)
    return [result.batch_size for result in results]


def test_lengths_that_round_up_alike_share_a_batch_and_no_answer_changes() -> None:
    model = seeded(TinyEncoder)
    engine = BatchInferenceEngine(model, PLAIN, padding=Padding())

    # 16 is the width of the states, too: an output of that size does not follow the length.
    assert check(model, engine, texts(9, 16, 12, 3, 4, 30, 11)) == [4, 4, 4, 2, 2, 1, 4]
    assert check(model, engine, texts(16, 10, 13, 13)) == [4, 4, 4, 4]
    assert engine.calls == 3 + 2 + 1


def test_a_mask_of_the_callers_own_is_kept() -> None:
    model = seeded(TinyEncoder)
    engine = BatchInferenceEngine(model, PLAIN, padding=Padding())
    inputs = [{**text, "attention_mask": torch.ones_like(text["input_ids"])} for text in texts(9, 14, 11)]
    inputs[1]["attention_mask"][:3] = 0

    assert check(model, engine, inputs) == [3, 3, 3]


def test_a_module_that_ignores_its_mask_is_never_padded() -> None:
    model = seeded(TinyEncoder, masked=False)
    engine = BatchInferenceEngine(model, PLAIN, padding=Padding())

    for _ in range(2):
        assert check(model, engine, texts(9, 9, 12, 14)) == [2, 2, 1, 1]


def test_an_input_that_fails_in_a_padded_batch_fails_alone() -> None:
    engine = BatchInferenceEngine(seeded(TinyEncoder), PLAIN, padding=Padding())
    inputs = texts(9, 12, 14, 12)
    inputs[2]["input_ids"][0] = 99

    results = engine.infer_batch(inputs)

    assert [result.error is None for result in results] == [True, True, False, True]
    assert isinstance(results[2].error.__cause__, ValueError)  # type: ignore[union-attr]


def test_an_asynchronous_engine_pads_as_well() -> None:
    model = seeded(TinyEncoder)
    with AsyncInferenceEngine(model, PLAIN, padding=Padding()) as engine:
        results = asyncio.run(engine.infer_batch(texts(9, 12, 14, 12, 3)))

    assert [result.unwrap()["states"].shape[0] for result in results] == [9, 12, 14, 12, 3]
    assert max(result.batch_size for result in results) > 2


def test_a_transformers_model_is_padded_cached_and_answered_as_one_by_one() -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    model = BertModel(BertConfig(vocab_size=100, **sizes)).eval()
    engine = BatchInferenceEngine(model, InferenceOptConfig(device="cpu"), padding=Padding())
    inputs = texts(17, 32, 20, 5)

    assert check(model, engine, inputs) == [3, 3, 3, 1]
    again = engine.infer_batch(inputs)

    assert all(result.cached for result in again)
    assert again[0].output.last_hidden_state.shape == (17, 32)


def test_a_module_without_a_mask_is_refused() -> None:
    with pytest.raises(ConfigError, match="takes no attention_mask"):
        BatchInferenceEngine(seeded(Parts), PLAIN, padding=Padding())
