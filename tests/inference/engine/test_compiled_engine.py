"""An engine process whose models are compiled, as its clients see it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

from inference.engine.checkpoint import Checkpoint
from inference.engine.client import EngineClient
from inference.engine.protocol import Embed, Embedded, Erase, Generate, Generated, Sampling, Stats
from inference.engine.receipts import Erased, Scope
from inference.engine.stats import StatsReport
from tests.inference.engine import checkpoints
from tests.inference.engine.calls import whole, with_client
from tests.inference.engine.conftest import EngineProcess
from tests.inference.engine.searching import found, needles, unlike_any
from tests.inference.engine.test_structured import ask, valid

PROMPT = "The certificate names every store that was asked, and what each of them answered."


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("compiled"))


def _answers(engine: EngineProcess, count: int = 4) -> tuple[list[str], StatsReport]:
    """What several requests at once are answered, likeliest tokens throughout, and what the engine counted."""

    async def work() -> tuple[list[str], StatsReport]:
        client = EngineClient(engine.socket)
        sampling = Sampling(max_tokens=24, temperature=0.0)
        wires = [
            Generate(f"r{number}", "ws", "endless", prompt=PROMPT[number:], sampling=sampling)
            for number in range(count)
        ]
        answers = await asyncio.gather(*(client.call(wire) for wire in wires))
        stats = await client.call(Stats())
        await client.close()
        assert isinstance(stats, StatsReport)
        texts = [choice.text for answer in answers if isinstance(answer, Generated) for choice in answer.choices]
        assert len(texts) == count
        return texts, stats

    return asyncio.run(work())


def test_a_compiled_engine_answers_what_another_does(start_engine: Callable[..., EngineProcess], compiled: str) -> None:
    plain = start_engine("--dtype", "float32")
    expected, _ = _answers(plain)
    plain.stop()

    found_, stats = _answers(start_engine("--dtype", "float32", "--compiled", compiled))

    assert found_ == expected
    assert {model.model: model.slow_path for model in stats.models}["endless"] == 0


def test_answers_of_a_compiled_engine_have_the_form_that_they_must(
    start_engine: Callable[..., EngineProcess], compiled: str
) -> None:
    async def work(client: EngineClient) -> None:
        asked = [whole(client, ask(sampling={"seed": seed, "n": 2})) for seed in range(4)]
        texts = [choice.text for answer in await asyncio.gather(*asked) for choice in answer.choices]
        assert len(texts) == 8 and all(map(valid, texts))

    with_client(start_engine("--compiled", compiled), work)


def test_an_engine_without_a_compiler_says_so_and_serves(
    start_engine: Callable[..., EngineProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = start_engine("--dtype", "float32")
    expected, _ = _answers(plain)
    plain.stop()
    monkeypatch.setenv("CXX", "/nowhere/g++")

    engine = start_engine("--dtype", "float32", "--compiled", str(tmp_path))
    answers, stats = _answers(engine)

    assert answers == expected
    [reason] = {str(each["reason"]) for each in engine.events() if each["event"] == "engine.model.uncompiled"}
    assert "Install it or name another in CXX" in reason
    assert {model.model: model.slow_path for model in stats.models}["endless"] > 0


def test_an_erased_prompt_is_nowhere_in_a_compiled_engines_memory(
    start_engine: Callable[..., EngineProcess], compiled: str
) -> None:
    engine = start_engine("--wipe-freed", "--compiled", compiled, "--weights", "int8")
    text, ids = unlike_any()

    async def work() -> None:
        client = EngineClient(engine.socket)
        await client.call(
            Generate("req", "gone", "endless", prompt=text, sampling=Sampling(max_tokens=8, temperature=0.0))
        )
        receipt = await client.call(Erase(Scope("gone")))
        assert isinstance(receipt, Erased) and receipt.scrubbed_bytes > 0
        await client.close()

    asyncio.run(work())
    assert found(engine.process.pid, needles(text, ids)) == {"text": 0, "int64": 0, "int32": 0}


def _vectors(engine: EngineProcess) -> tuple[numpy.ndarray, StatsReport]:
    """Vectors of several requests at once, and what the engine counted."""

    async def work() -> tuple[numpy.ndarray, StatsReport]:
        client = EngineClient(engine.socket)
        wires = [Embed(f"e{number}", "ws", "embed", [PROMPT[number:], PROMPT * 3]) for number in range(6)]
        answers = await asyncio.gather(*(client.call(wire) for wire in wires))
        stats = await client.call(Stats())
        await client.close()
        assert isinstance(stats, StatsReport)
        data = b"".join(answer.data for answer in answers if isinstance(answer, Embedded))
        return numpy.frombuffer(data, dtype="<f4").reshape(len(wires) * 2, -1), stats

    return asyncio.run(work())


def test_a_compiled_engine_embeds_as_another_does(start_engine: Callable[..., EngineProcess], compiled: str) -> None:
    plain = start_engine("--dtype", "float32")
    expected, _ = _vectors(plain)
    plain.stop()

    found_, stats = _vectors(start_engine("--dtype", "float32", "--compiled", compiled))

    assert (found_ * expected).sum(1).min() > 0.99999
    assert {model.model: model.slow_path for model in stats.models}["embed"] == 0


def test_an_engine_without_a_compiler_embeds_by_torch_and_counts_it(
    start_engine: Callable[..., EngineProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = start_engine("--dtype", "float32")
    expected, _ = _vectors(plain)
    plain.stop()
    monkeypatch.setenv("CXX", "/nowhere/g++")

    engine = start_engine("--dtype", "float32", "--compiled", str(tmp_path))
    found_, stats = _vectors(engine)

    assert (found_ * expected).sum(1).min() > 0.99999
    assert {model.model: model.slow_path for model in stats.models}["embed"] > 0
    assert "embed" in {each["model"] for each in engine.events() if each["event"] == "engine.model.uncompiled"}


def test_an_erased_text_is_nowhere_in_a_compiled_engines_memory(
    start_engine: Callable[..., EngineProcess], compiled: str
) -> None:
    engine = start_engine("--wipe-freed", "--compiled", compiled)
    text = " ".join("".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(5)) for _ in range(30))
    ids = Checkpoint.open(checkpoints.minilm()).tokenizer().encode(text)

    async def work() -> None:
        client = EngineClient(engine.socket)
        await client.call(Embed("req", "gone", "embed", [text]))
        receipt = await client.call(Erase(Scope("gone")))
        assert isinstance(receipt, Erased)
        assert next(model.bytes for model in receipt.models if model.model == "embed") > 0
        await client.close()

    asyncio.run(work())
    assert found(engine.process.pid, needles(text, ids)) == {"text": 0, "int64": 0, "int32": 0}
