"""After an erase the engine's whole memory is searched for what was erased."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from inference.engine.client import EngineClient
from inference.engine.protocol import Erase, Generate, Sampling
from inference.engine.receipts import Erased, Scope
from tests.inference.engine.conftest import EngineProcess
from tests.inference.engine.searching import found, needles, unlike_any


def test_an_erased_prompt_is_nowhere_in_the_engines_memory(start_engine: Callable[..., EngineProcess]) -> None:
    engine = start_engine("--wipe-freed")
    text, ids = unlike_any()

    async def work() -> None:
        client = EngineClient(engine.socket)
        sampling = Sampling(max_tokens=8, temperature=0.0)
        wire = Generate("req", "gone", "endless", prompt=text, sampling=sampling)
        await client.call(wire)
        receipt = await client.call(Erase(Scope("gone")))
        assert isinstance(receipt, Erased) and receipt.wiped_as_freed and receipt.scrubbed_bytes > 0
        assert sum(model.blocks for model in receipt.models) >= 7
        await client.close()

    asyncio.run(work())
    assert found(engine.process.pid, needles(text, ids)) == {"text": 0, "int64": 0, "int32": 0}


@pytest.mark.parametrize("needle", ["engine.listening"])
def test_the_search_finds_what_is_there(start_engine: Callable[..., EngineProcess], needle: str) -> None:
    engine = start_engine()
    assert found(engine.process.pid, {"needle": needle.encode()})["needle"] > 0
