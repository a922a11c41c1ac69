"""What an engine counts, seen from outside, and what becomes of one that hangs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from inference.engine.client import EngineClient, EngineFailure
from inference.engine.protocol import Embed, Generate, Sampling, Stats
from inference.engine.stats import ModelStats, StatsReport
from inference.gateway.engine_metrics import engine_metrics
from tests.inference.engine.conftest import EngineProcess

PROMPT = "the quick brown fox jumps over the lazy dog " * 4
GENERATE = Generate("req", "ws-of-somebody", "endless", prompt=PROMPT, sampling=Sampling(max_tokens=8))

HANGS = """
import sys, time
from inference.engine.decoder_worker import DecoderWorker
DecoderWorker.step = lambda self, now: bool(self.waiting) and time.sleep(600) is None
from inference.engine.process import main
sys.exit(main())
"""


async def stats(client: EngineClient) -> dict[str, ModelStats]:
    report = await client.call(Stats())
    assert isinstance(report, StatsReport)
    return {model.model: model for model in report.models}


def test_what_the_engine_did_is_counted_by_model_and_reason(engine: EngineProcess) -> None:
    async def work() -> None:
        client = EngineClient(engine.socket)
        before = (await stats(client))["endless"]
        for _ in range(2):
            await client.call(GENERATE)
        with pytest.raises(EngineFailure):
            await client.call(msgspec.structs.replace(GENERATE, sampling=Sampling(n=9)))
        with pytest.raises(EngineFailure):
            await client.call(msgspec.structs.replace(GENERATE, deadline_s=0.03, sampling=Sampling(max_tokens=400)))
        await client.call(Embed("req", "ws-of-somebody", "embed", ["one", "two"]))
        after = await stats(client)
        text = (await engine_metrics(client)).decode()
        await client.close()

        endless = after["endless"]
        assert endless.generated_tokens - before.generated_tokens >= 16
        assert endless.prefix_queried_tokens > endless.prefix_hit_tokens > before.prefix_hit_tokens
        assert endless.prompt_tokens > before.prompt_tokens
        assert endless.ended["deadline"] == before.ended.get("deadline", 0) + 1
        assert endless.refused["n_too_large"] == before.refused.get("n_too_large", 0) + 1
        assert endless.lanes["standard"].running == endless.lanes["standard"].waiting == 0
        assert sum(count for _, _, count in after["embed"].flushes) >= 1
        assert "bailiwick_engine_up 1.0" in text
        assert 'bailiwick_num_requests_running{class="realtime",model="endless"} 0.0' in text
        assert 'bailiwick_prefix_cache_hits_total{model="endless"}' in text
        assert 'bailiwick_engine_dropped_total{model="endless",reason="deadline"}' in text
        assert 'bailiwick_batch_flushes_total{model="embed",preset="balanced",reason=' in text
        assert 'bailiwick_iteration_tokens_total_bucket{le="64.0",model="endless"}' in text
        assert f'bailiwick_iteration_tokens_total_sum{{model="endless"}} {float(endless.computed_tokens)}' in text
        assert "bailiwick_device_utilization_perc" not in text  # no CPU tells
        assert "ws-of-somebody" not in text

    asyncio.run(work())


def test_metrics_of_an_engine_that_is_away_say_so(tmp_path: Path) -> None:
    async def work() -> bytes:
        client = EngineClient(tmp_path / "nothing.sock")
        try:
            return await engine_metrics(client)
        finally:
            await client.close()

    assert b"bailiwick_engine_up 0.0" in asyncio.run(work())


def test_an_engine_that_hangs_ends_and_its_requests_with_it(models_folder: Path, tmp_path: Path) -> None:
    socket = tmp_path / "e.sock"
    options = ["--socket", str(socket), "--models", str(models_folder), "--threads", "1", "--hang-seconds", "0.5"]
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen([sys.executable, "-c", HANGS, *options], stderr=stream, env=dict(os.environ))
    try:
        deadline = time.monotonic() + 60
        while b"engine.ready" not in log.read_bytes():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

        async def work() -> None:
            client = EngineClient(socket)
            with pytest.raises(EngineFailure) as failure:
                await asyncio.wait_for(client.call(GENERATE), 20)
            assert failure.value.error.status == 503
            await client.close()

        asyncio.run(work())
        assert process.wait(10) == 70
        assert b"engine.hung" in log.read_bytes()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
