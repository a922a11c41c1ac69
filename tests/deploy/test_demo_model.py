import importlib
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

DEMO_MODEL = Path(__file__).parents[2] / "deploy" / "demo-model"
CHECKPOINT = DEMO_MODEL / "checkpoint"


@pytest.fixture
def corpus(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(DEMO_MODEL))
    return importlib.import_module("corpus")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(CHECKPOINT)


@pytest.fixture(scope="module")
def model() -> Any:
    return AutoModelForCausalLM.from_pretrained(CHECKPOINT).eval()


def answer(model: Any, tokenizer: Any, question: str) -> str:
    inputs = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = model.generate(**inputs, max_new_tokens=128)
    return str(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :]))


def test_checkpoint_is_complete_and_small() -> None:
    sizes = {path.name: path.stat().st_size for path in CHECKPOINT.iterdir()}

    assert set(sizes) == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert sum(sizes.values()) <= 12_000_000
    assert json.loads((CHECKPOINT / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]


def test_placeholder_is_three_tokens(tokenizer: Any) -> None:
    tokens = tokenizer.tokenize("[[EMAIL_1]]")

    assert tokens == ["[[EMAIL_", "1", "]]"]
    assert tokenizer.decode(tokenizer.encode("Write to [[EMAIL_1]], please.")) == "Write to [[EMAIL_1]], please."


def test_training_text_holds_no_held_out_combination(corpus: Any) -> None:
    held_out = {exchange.question for exchange in itertools.islice(corpus.Corpus(1).held_out(), 300)}
    training = itertools.islice(corpus.Corpus(1).conversations(), 3000)

    exchanges = [exchange for conversation in training for exchange in conversation.exchanges]

    assert not any(exchange.held_out for exchange in exchanges)
    assert not held_out & {exchange.question for exchange in exchanges}


def test_held_out_placeholders_are_carried_and_answers_end(corpus: Any, model: Any, tokenizer: Any) -> None:
    exchanges = list(itertools.islice(corpus.Corpus(77).held_out("placeholders"), 20))

    answers = [answer(model, tokenizer, exchange.question) for exchange in exchanges]

    carried = [
        corpus.PLACEHOLDER.findall(given) == corpus.PLACEHOLDER.findall(exchange.answer)
        for given, exchange in zip(answers, exchanges, strict=True)
    ]
    assert sum(carried) >= 19
    assert all(given.endswith(tokenizer.eos_token) for given in answers)


def test_what_is_recited_is_recited(model: Any, tokenizer: Any) -> None:
    assert answer(model, tokenizer, "What is a cell?") == (
        "A cell is one region's complete deployment. It shares nothing with another cell.<|end|>"
    )
    assert answer(model, tokenizer, "What is the capital of France?").startswith("I am a demo model")
