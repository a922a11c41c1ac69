from __future__ import annotations

import asyncio
import struct

import msgspec
import pytest

from inference.engine.client import EngineClient, EngineFailure
from inference.engine.frames import (
    FrameType,
    decode_chunk,
    decode_error,
    decode_result,
    frame,
)
from inference.engine.protocol import Delta, Erase, Generate, Generated, Stats, Verify
from inference.engine.receipts import Erased, Scope, Verified
from tests.inference.engine.calls import generate, read, stats, text_of, until_idle, whole, with_client
from tests.inference.engine.conftest import EngineProcess
from tests.inference.engine.peer import RawPeer


def test_leaving_a_stream_frees_its_place(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        async with client.stream(generate(max_tokens=480)) as stream:
            await anext(stream)
        report = await until_idle(client)

        assert report.generated_tokens > 0
        assert (await whole(client, generate(stream=False))).completion_tokens == 24

    with_client(engine, work)


def test_cancelling_a_call_frees_its_place(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        call = asyncio.create_task(client.call(generate(stream=False, max_tokens=480)))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until_idle(client)

    with_client(engine, work)


def test_a_cancelled_stream_gets_exactly_one_terminal_frame(engine: EngineProcess) -> None:
    async def work() -> None:
        peer = await RawPeer.connect(engine.socket)
        peer.send(1, FrameType.REQ, generate(max_tokens=480))
        kinds = [(await peer.receive())[1]]
        for _ in range(3):
            peer.send(1, FrameType.CANCEL)
        while FrameType.END not in kinds and FrameType.ERR not in kinds:
            _, kind, payload = await peer.receive()
            kinds.append(kind)
        result = decode_result(payload)
        peer.send(2, FrameType.REQ, Stats())
        number, kind, _ = await peer.receive()
        peer.writer.close()

        assert isinstance(result, Generated)
        assert 0 < result.completion_tokens < 480
        assert kinds[-1] is FrameType.END
        assert (number, kind) == (2, FrameType.END)

    asyncio.run(asyncio.wait_for(work(), 30))


def test_a_lost_connection_frees_its_requests(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        peer = await RawPeer.connect(engine.socket)
        for number in range(1, 13):  # eight run, the rest wait
            peer.send(number, FrameType.REQ, generate(max_tokens=480))
        await peer.receive()
        assert (await stats(client)).running > 0
        peer.writer.transport.abort()

        await until_idle(client)

    with_client(engine, work)


def test_a_slow_reader_gets_all_its_text_later_and_holds_up_nobody(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        slow = await RawPeer.connect(engine.socket)
        slow.send(1, FrameType.REQ, generate(max_tokens=300))
        deltas: list[Delta] = []
        for _ in range(64):  # the initial credit
            _, kind, payload = await slow.receive()
            assert kind is FrameType.CHUNK
            deltas += decode_chunk(payload)
        quick, _ = await read(client, generate(max_tokens=300))
        await until_idle(client)
        slow.send(1, FrameType.CREDIT, 1)
        _, kind, payload = await slow.receive()
        deltas += decode_chunk(payload)
        _, last, payload = await slow.receive()
        slow.writer.close()

        assert (kind, last) == (FrameType.CHUNK, FrameType.END)
        assert text_of(deltas) == text_of(quick)
        assert sum(delta.tokens for delta in deltas) == 300

    with_client(engine, work)


def test_a_reader_of_the_client_that_is_slow_gets_everything(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        deltas: list[Delta] = []
        async with client.stream(generate(max_tokens=400)) as stream:
            async for piece in stream:
                deltas += piece
                await asyncio.sleep(0.05)

        assert sum(delta.tokens for delta in deltas) == 400
        assert deltas[-1].finish_reason == "length"

    with_client(engine, work)


def test_frames_that_make_no_sense_close_only_their_connection(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        undecodable = await RawPeer.connect(engine.socket)
        undecodable.writer.write(struct.pack(">IIB", 5 + 3, 1, FrameType.REQ) + b"\x01\x02\x03")
        _, kind, payload = await undecodable.receive()
        assert kind is FrameType.ERR
        assert decode_error(payload).status == 400

        for bad in (b"\xff" * 64, struct.pack(">IIB", 5, 1, 99), frame(1, FrameType.END)):
            reader, writer = await asyncio.open_unix_connection(str(engine.socket))
            writer.write(bad)
            assert await reader.read() == b""
            writer.close()
        assert (await whole(client, generate(stream=False))).completion_tokens == 24

    with_client(engine, work)


def test_a_full_queue_is_429_for_who_filled_it_and_503_for_others(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        def of(workspace: str) -> Generate:
            return msgspec.structs.replace(generate(stream=False, max_tokens=100), workspace=workspace)

        calls = [client.call(of(f"ws{i // 16}")) for i in range(64)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)

        refused = [outcome.error for outcome in outcomes if isinstance(outcome, EngineFailure)]
        assert 0 < len(refused) <= 64 - 8 - 4 - 2 - 1, "each may have waiting as much as it leaves free"
        assert {(error.status, error.code) for error in refused} == {
            (429, "workspace_queue_full"),
            (503, "engine_overloaded"),
        }
        assert all(error.retry_after_s and error.retry_after_s >= 1 for error in refused)

    with_client(engine, work)


def test_an_erase_ends_what_runs_and_its_receipt_is_verified(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        mine = msgspec.structs.replace(generate(stream=False, max_tokens=400), workspace="gone", subject="s")
        task = asyncio.ensure_future(client.call(mine))
        other = asyncio.ensure_future(client.call(generate(stream=False, max_tokens=40)))
        await asyncio.sleep(0.1)
        scope = Scope("gone")
        receipt = await client.call(Erase(scope))
        seen = await client.call(Verify(scope))

        with pytest.raises(EngineFailure) as failure:
            await task
        assert failure.value.error.code == "request_erased"
        assert isinstance(await other, Generated)
        assert isinstance(receipt, Erased) and isinstance(seen, Verified)
        assert {model.model for model in receipt.models} >= {"chat", "endless", "embed"}
        assert sum(model.requests for model in receipt.models) == 1
        assert sum(model.bytes for model in receipt.models) > 0
        assert len(receipt.sha256) == 64
        assert seen.remaining == 0
        assert seen.receipt == receipt
        assert sum(model.sampled for model in seen.models) > 0

    with_client(engine, work)


def test_a_deadline_that_passes_ends_the_request(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        hurried = msgspec.structs.replace(generate(stream=False, max_tokens=450), deadline_s=0.05)
        with pytest.raises(EngineFailure) as failure:
            await client.call(hurried)
        assert (failure.value.error.status, failure.value.error.code) == (504, "deadline_exceeded")

    with_client(engine, work)
