from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from inference.engine import connection
from inference.engine.client import EngineClient, EngineFailure
from inference.engine.frames import (
    FrameType,
    decode_chunk,
    decode_error,
)
from inference.engine.protocol import Delta, Generate, Generated, ListModels, Models, Sampling, Stats
from inference.engine.scheduler import Limits
from inference.engine.served import LoadOptions
from inference.engine.server import Server
from inference.engine.stats import StatsReport
from tests.inference.engine.peer import RawPeer

LONG = Generate(
    "req", "ws", "endless", prompt="the quick", stream=True, sampling=Sampling(max_tokens=480, temperature=1.0, seed=3)
)

WHOLE = msgspec.structs.replace(LONG, stream=False)


def serve(models: Path, work: Callable[[Path, EngineClient], Awaitable[None]]) -> None:
    """Runs a server in this process, so that a test can set its bounds, and `work` beside it."""

    async def run() -> None:
        with tempfile.TemporaryDirectory(prefix="engine-") as folder:
            path = Path(folder) / "engine.sock"
            server = Server(LoadOptions(limits=Limits(max_running=4)), threads=1)
            running = asyncio.create_task(server.run(path, [models / "endless"]))
            client = EngineClient(path)
            try:
                while True:
                    listed = await client.call(ListModels())
                    if isinstance(listed, Models) and listed.models:
                        break
                    await asyncio.sleep(0.05)
                await work(path, client)
            finally:
                await client.close()
                server.stop()
                assert await running == 0

    asyncio.run(asyncio.wait_for(run(), 90))


async def tokens_so_far(client: EngineClient) -> int:
    report = await client.call(Stats())
    assert isinstance(report, StatsReport)
    return report.generated_tokens


async def settled_tokens(client: EngineClient) -> int:
    """The count of generated tokens once it stops rising."""
    last = -1
    while (now := await tokens_so_far(client)) != last:
        last = now
        await asyncio.sleep(0.3)
    return last


def test_a_reader_that_takes_nothing_pauses_its_own_request_until_it_reads(
    models_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MAX_PENDING_CHARS", 100)

    async def work(path: Path, client: EngineClient) -> None:
        peer = await RawPeer.connect(path)
        peer.send(1, FrameType.REQ, LONG)
        generated = await settled_tokens(client)
        assert 64 <= generated < 400
        other = await client.call(Generate("r", "w", "endless", prompt="x", sampling=Sampling(max_tokens=50)))
        assert isinstance(other, Generated)

        deltas: list[Delta] = []
        kind = FrameType.CHUNK
        chunks = 0
        while True:
            _, kind, payload = await peer.receive()
            if kind is not FrameType.CHUNK:
                break
            deltas += decode_chunk(payload)
            chunks += 1
            if chunks >= 64:
                peer.send(1, FrameType.CREDIT, 1)
        peer.writer.close()

        assert kind is FrameType.END
        assert sum(delta.tokens for delta in deltas) == 480

    serve(models_folder, work)


def test_a_reader_that_never_reads_is_ended(models_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_PENDING_CHARS", 100)
    monkeypatch.setattr(connection, "STALL_S", 0.5)

    async def work(path: Path, client: EngineClient) -> None:
        peer = await RawPeer.connect(path)
        peer.send(1, FrameType.REQ, LONG)
        kinds: list[FrameType] = []
        while not kinds or kinds[-1] is FrameType.CHUNK:
            _, kind, payload = await peer.receive()
            kinds.append(kind)
        peer.writer.close()

        assert len(kinds) == 65
        assert kinds[-1] is FrameType.ERR
        assert decode_error(payload).code == "reader_stalled"
        report = await client.call(Stats())
        assert isinstance(report, StatsReport)
        assert report.running == 0

    serve(models_folder, work)


def test_a_connection_has_a_bound_on_open_streams(models_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_STREAMS", 3)

    async def work(path: Path, client: EngineClient) -> None:
        calls = [client.call(WHOLE) for _ in range(5)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)

        with pytest.raises(ValueError, match="stream"):
            await client.call(LONG)
        refused = [outcome.error for outcome in outcomes if isinstance(outcome, EngineFailure)]
        assert [(error.status, error.code) for error in refused] == [(503, "engine_overloaded")] * 2
        assert sum(isinstance(outcome, Generated) for outcome in outcomes) == 3

    serve(models_folder, work)


def test_a_step_that_fails_ends_its_requests_and_the_engine_goes_on(
    models_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(path: Path, client: EngineClient) -> None:
        from inference.engine.models.decoder import Decoder

        def fail(*arguments: object) -> None:
            raise RuntimeError("CANARY out of memory")

        with monkeypatch.context() as broken:
            broken.setattr(Decoder, "forward", fail)
            with pytest.raises(EngineFailure) as failure:
                await client.call(WHOLE)
        assert (failure.value.error.status, failure.value.error.code) == (500, "engine_step_failed")
        result = await client.call(Generate("r", "w", "endless", prompt="x", sampling=Sampling(max_tokens=5)))
        assert isinstance(result, Generated)
        assert result.completion_tokens == 5

    serve(models_folder, work)
    log = capsys.readouterr().err
    assert "RuntimeError in fail" in log
    assert "CANARY" not in log
