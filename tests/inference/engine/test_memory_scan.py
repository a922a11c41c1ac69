"""After an erase the engine's whole memory is searched for what was erased."""

from __future__ import annotations

import asyncio
import secrets
import struct
from collections.abc import Callable

import pytest

from inference.engine.client import EngineClient
from inference.engine.protocol import Erase, Generate, Sampling
from inference.engine.receipts import Erased, Scope
from inference.engine.tokenizer import Tokenizer
from tests.inference.engine import checkpoints
from tests.inference.engine.conftest import EngineProcess
from tests.process_memory import memory


def found(pid: int, needles: dict[str, bytes]) -> dict[str, int]:
    counts = dict.fromkeys(needles, 0)
    for _, data in memory(pid):
        for name, needle in needles.items():
            counts[name] += data.count(needle)
    return counts


def test_an_erased_prompt_is_nowhere_in_the_engines_memory(start_engine: Callable[..., EngineProcess]) -> None:
    engine = start_engine("--wipe-freed")
    # Letters that the tokenizer knows no pairs of, so that the text's tokens are one a letter and all different.
    text = "".join(secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(120))
    ids = Tokenizer(checkpoints.tokenizer(), None).encode(text)
    assert len(ids) == 120
    needles = {
        "text": text[40:60].encode(),
        "int64": struct.pack("<8q", *ids[40:48]),
        "int32": struct.pack("<8i", *ids[40:48]),
    }

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
    assert found(engine.process.pid, needles) == {"text": 0, "int64": 0, "int32": 0}


@pytest.mark.parametrize("needle", ["engine.listening"])
def test_the_search_finds_what_is_there(start_engine: Callable[..., EngineProcess], needle: str) -> None:
    engine = start_engine()
    assert found(engine.process.pid, {"needle": needle.encode()})["needle"] > 0
