from __future__ import annotations

import asyncio
import math
import os
import signal
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from inference.engine.client import EngineClient, EngineFailure
from inference.engine.protocol import (
    Delta,
    Drain,
    Embed,
    Embedded,
    Erase,
    Erased,
    FrameType,
    Generate,
    Generated,
    ListModels,
    LoadModel,
    Message,
    Models,
    Sampling,
    Scope,
    Stats,
    StatsReport,
    Verified,
    Verify,
    decode_chunk,
    decode_error,
    decode_result,
    frame,
)
from tests.inference.engine import checkpoints
from tests.inference.engine.conftest import EngineProcess
from tests.inference.engine.peer import RawPeer

CANARY = "CANARY-7f3a9"


def generate(
    prompt: str = "the quick brown fox", *, model: str = "endless", stream: bool = True, **sampling: object
) -> Generate:
    options = {"max_tokens": 24, "temperature": 0.0, **sampling}
    return Generate("req", "ws", model, prompt=prompt, stream=stream, sampling=Sampling(**options))  # type: ignore[arg-type]


async def read(client: EngineClient, request: Generate) -> tuple[list[Delta], Generated]:
    deltas: list[Delta] = []
    async with client.stream(request) as stream:
        async for piece in stream:
            deltas += piece
    assert isinstance(stream.result, Generated)
    return deltas, stream.result


async def whole(client: EngineClient, request: Generate) -> Generated:
    result = await client.call(request)
    assert isinstance(result, Generated)
    return result


async def stats(client: EngineClient) -> StatsReport:
    result = await client.call(Stats())
    assert isinstance(result, StatsReport)
    return result


async def until_idle(client: EngineClient) -> StatsReport:
    for _ in range(200):
        report = await stats(client)
        if report.running == 0 and report.waiting == 0:
            return report
        await asyncio.sleep(0.05)
    pytest.fail("the engine still runs something")


def with_client(engine: EngineProcess, work: Callable[[EngineClient], object]) -> None:
    async def run() -> None:
        client = EngineClient(engine.socket)
        try:
            await work(client)  # type: ignore[misc]
        finally:
            await client.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def text_of(deltas: list[Delta], index: int = 0) -> str:
    return "".join(delta.text for delta in deltas if delta.index == index)


def test_a_stream_and_a_whole_answer_are_the_same_text(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        deltas, result = await read(client, generate())
        one = await whole(client, generate(stream=False))

        assert text_of(deltas) == one.choices[0].text != ""
        assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["length"]
        assert sum(delta.tokens for delta in deltas) == result.completion_tokens == one.completion_tokens == 24
        assert len(deltas) > 5
        assert result.choices == []
        assert result.prompt_tokens == one.prompt_tokens > 0

    with_client(engine, work)


def test_seeds_repeat_answers_alone_and_in_company(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        asked = generate(stream=False, temperature=1.0, seed=7, n=2)
        alone = await whole(client, asked)
        others = [client.call(generate(stream=False, temperature=1.3, seed=i)) for i in range(5)]
        company, _ = await asyncio.gather(whole(client, asked), asyncio.gather(*others))
        other_seed = await whole(client, generate(stream=False, temperature=1.0, seed=8, n=2))
        unseeded = [await whole(client, generate(stream=False, temperature=1.0)) for _ in range(2)]

        texts = [choice.text for choice in alone.choices]
        assert [choice.index for choice in alone.choices] == [0, 1]
        assert [choice.text for choice in company.choices] == texts
        assert texts[0] != texts[1]
        assert [choice.text for choice in other_seed.choices] != texts
        assert unseeded[0].choices != unseeded[1].choices
        assert alone.completion_tokens == 48

    with_client(engine, work)


def test_two_choices_stream_side_by_side(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        deltas, result = await read(client, generate(temperature=1.0, seed=7, n=2))
        one = await whole(client, generate(stream=False, temperature=1.0, seed=7, n=2))

        assert [text_of(deltas, index) for index in (0, 1)] == [choice.text for choice in one.choices]
        assert result.completion_tokens == 48

    with_client(engine, work)


def test_stop_strings_are_met_over_token_borders_and_never_shown(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        full = (await whole(client, generate(stream=False, logprobs=0))).choices[0]
        assert full.logprobs is not None
        pieces = [entry.token for entry in full.logprobs]
        middle = len(pieces[0] + pieces[1]) - 1
        stop = full.text[middle : middle + 3]
        deltas, result = await read(client, generate(stop=["never there", stop]))

        assert text_of(deltas) == full.text[: full.text.index(stop)]
        assert deltas[-1].finish_reason == "stop"
        assert result.completion_tokens < 24

    with_client(engine, work)


def test_a_partial_stop_string_is_given_out_at_the_end(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        full = (await whole(client, generate(stream=False))).choices[0].text
        deltas, _ = await read(client, generate(stop=[full[-2:] + "never"]))

        assert text_of(deltas) == full
        assert deltas[-1].finish_reason == "length"

    with_client(engine, work)


def test_logprobs_name_the_chosen_token_and_its_alternatives(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        answer = (await whole(client, generate(stream=False, logprobs=3, max_tokens=5))).choices[0]

        assert answer.logprobs is not None
        assert len(answer.logprobs) == 5
        for entry in answer.logprobs:
            assert entry.top[0].token_id == entry.token_id  # greedy
            assert entry.top[0].logprob == pytest.approx(entry.logprob)
            assert [top.logprob for top in entry.top] == sorted((top.logprob for top in entry.top), reverse=True)
            assert len(entry.top) == 3
            assert entry.logprob <= 0.0
        spelled = b"".join(bytes(entry.bytes or []) for entry in answer.logprobs)
        assert spelled.decode(errors="replace") == answer.text

    with_client(engine, work)


def test_chat_applies_the_template_and_echo_repeats_the_prompt(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        chat = Generate(
            "r", "w", "chat", messages=[Message("user", " hello ")], sampling=Sampling(max_tokens=8, temperature=0.0)
        )
        by_hand = generate("<s>[user] hello\n[assistant] ", model="chat", stream=False, max_tokens=8)
        echoed = generate("<s>[user] hello\n[assistant] ", model="chat", stream=False, max_tokens=8)
        echoed.echo = True

        answer = (await whole(client, chat)).choices[0].text
        assert answer == (await whole(client, by_hand)).choices[0].text
        assert (await whole(client, echoed)).choices[0].text == "<s>[user] hello\n[assistant] " + answer

    with_client(engine, work)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"prompt": "a " * 2000}, 400, "context_length_exceeded"),
        ({"prompt": "x" * 100_000}, 400, "context_length_exceeded"),
        ({"prompt": [1] * 512}, 400, "context_length_exceeded"),
        ({"prompt": [5, 9999]}, 400, "invalid_value"),
        ({"prompt": ""}, 400, "empty_input"),
        ({"prompt": None}, 400, "invalid_request"),
        ({"prompt": None, "messages": [Message("wizard", CANARY)]}, 400, "chat_template_refused"),
        ({"model": "none"}, 404, "model_not_found"),
        ({"model": "broken"}, 404, "model_not_found"),
        ({"model": "embed"}, 400, "wrong_model_kind"),
        ({"sampling": Sampling(max_tokens=0)}, 400, "invalid_value"),
        ({"sampling": Sampling(temperature=-1)}, 400, "invalid_value"),
        ({"sampling": Sampling(top_p=0)}, 400, "invalid_value"),
        ({"sampling": Sampling(top_k=-1)}, 400, "invalid_value"),
        ({"sampling": Sampling(n=0)}, 400, "invalid_value"),
        ({"sampling": Sampling(n=9)}, 400, "n_too_large"),
        ({"sampling": Sampling(stop=[""])}, 400, "invalid_value"),
        ({"sampling": Sampling(stop=["x"] * 17)}, 400, "invalid_value"),
        ({"sampling": Sampling(logprobs=21)}, 400, "invalid_value"),
        ({"sampling": Sampling(logprobs=1), "echo": True}, 400, "invalid_value"),
    ],
)
def test_a_bad_request_ends_alone_with_a_clear_error(
    engine: EngineProcess, change: dict[str, object], status: int, code: str
) -> None:
    async def work(client: EngineClient) -> None:
        request = generate(CANARY, stream=False)
        for name, value in change.items():
            setattr(request, name, value)
        with pytest.raises(EngineFailure) as failure:
            await client.call(request)

        assert (failure.value.error.status, failure.value.error.code) == (status, code)
        assert CANARY not in failure.value.error.message
        assert len(failure.value.error.message) > 15
        assert (await whole(client, generate(stream=False))).completion_tokens == 24

    with_client(engine, work)


def test_an_over_long_prompt_names_limit_and_count(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        with pytest.raises(EngineFailure) as failure:
            await client.call(generate([7] * 600, stream=False))  # type: ignore[arg-type]

        assert "512" in failure.value.error.message
        assert "600" in failure.value.error.message

    with_client(engine, work)


def test_max_tokens_is_clamped_to_the_model(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        request = generate([7] * 500, stream=False, max_tokens=None)  # type: ignore[arg-type]
        result = await whole(client, request)

        assert result.prompt_tokens == 500
        assert result.completion_tokens == 12
        assert result.choices[0].finish_reason == "length"

    with_client(engine, work)


def test_embeddings_keep_order_and_dimensions_cut_and_renormalize(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        texts = ["a", "the longest of the three texts by far, really", "a middling text"]
        result = await client.call(Embed("r", "w", "embed", list(texts)))
        alone = [await client.call(Embed("r", "w", "embed", [text])) for text in texts]
        cut = await client.call(Embed("r", "w", "embed", [texts[0]], dimensions=64))

        assert isinstance(result, Embedded) and isinstance(cut, Embedded)
        assert result.dimensions == 384
        vectors = [struct.unpack_from("<384f", result.data, 384 * 4 * i) for i in range(3)]
        for vector, single in zip(vectors, alone, strict=True):
            assert isinstance(single, Embedded)
            assert vector == pytest.approx(struct.unpack("<384f", single.data), abs=1e-5)
            assert math.hypot(*vector) == pytest.approx(1.0, abs=1e-5)
        short = struct.unpack("<64f", cut.data)
        assert math.hypot(*short) == pytest.approx(1.0, abs=1e-5)
        assert short[0] / short[1] == pytest.approx(vectors[0][0] / vectors[0][1], rel=1e-3)
        assert result.prompt_tokens == sum(single.prompt_tokens for single in alone if isinstance(single, Embedded))

    with_client(engine, work)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"inputs": []}, "empty_input"),
        ({"inputs": [[]]}, "empty_input"),
        ({"inputs": ["word " * 300]}, "context_length_exceeded"),
        ({"inputs": [[10**6]]}, "invalid_value"),
        ({"dimensions": 385}, "invalid_dimensions"),
        ({"dimensions": 0}, "invalid_dimensions"),
        ({"model": "chat"}, "wrong_model_kind"),
    ],
)
def test_a_bad_embedding_request_gets_400(engine: EngineProcess, change: dict[str, object], code: str) -> None:
    async def work(client: EngineClient) -> None:
        request = Embed("r", "w", "embed", ["text"])
        for name, value in change.items():
            setattr(request, name, value)
        with pytest.raises(EngineFailure) as failure:
            await client.call(request)

        assert (failure.value.error.status, failure.value.error.code) == (400, code)

    with_client(engine, work)


def test_models_are_listed_without_the_broken_one(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        result = await client.call(ListModels())

        assert isinstance(result, Models)
        assert {model.name: (model.kind, model.max_tokens) for model in result.models} == {
            "chat": ("chat", 512),
            "endless": ("chat", 512),
            "embed": ("embedding", 256),
        }
        assert all(len(model.digest) == 64 and model.parameters > 10_000 for model in result.models)

    with_client(engine, work)
    assert any(entry["event"] == "engine.model.failed" and entry["model"] == "broken" for entry in engine.events())


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
        assert 0 < len(refused) <= 64 - 8 - 8
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
        assert sum(model.sampled for model in seen.models) > 0

    with_client(engine, work)


def test_a_deadline_that_passes_ends_the_request(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        hurried = msgspec.structs.replace(generate(stream=False, max_tokens=450), deadline_s=0.05)
        with pytest.raises(EngineFailure) as failure:
            await client.call(hurried)
        assert (failure.value.error.status, failure.value.error.code) == (504, "deadline_exceeded")

    with_client(engine, work)


def test_a_model_is_loaded_and_replaced_while_others_run(engine: EngineProcess, tmp_path: Path) -> None:
    async def work(client: EngineClient) -> None:
        path = checkpoints.save_decoder(tmp_path / "first", "mistral", never_ends=True)
        with pytest.raises(EngineFailure) as failure:
            await client.call(LoadModel("late", str(tmp_path / "absent")))
        assert (failure.value.error.status, failure.value.error.code) == (400, "invalid_checkpoint")

        await client.call(LoadModel("late", str(path)))
        running = asyncio.create_task(read(client, generate(model="late", max_tokens=400)))
        await asyncio.sleep(0.05)
        other = checkpoints.save_decoder(tmp_path / "second", "qwen3", never_ends=True)
        await client.call(LoadModel("late", str(other)))
        fresh = await whole(client, generate(model="late", stream=False))
        deltas, result = await running

        assert result.completion_tokens == 400
        assert fresh.choices[0].text != text_of(deltas)[: len(fresh.choices[0].text)]
        listed = await client.call(ListModels())
        assert isinstance(listed, Models)
        assert [model.architecture for model in listed.models if model.name == "late"] == ["Qwen3ForCausalLM"]

    with_client(engine, work)


def test_drain_finishes_what_runs_refuses_the_rest_and_exits(start_engine: Callable[..., EngineProcess]) -> None:
    engine = start_engine()

    async def work(client: EngineClient) -> None:
        async with client.stream(generate(max_tokens=400)) as running:
            await anext(running)
            drain = asyncio.create_task(client.call(Drain(deadline_s=30)))
            await asyncio.sleep(0.05)
            with pytest.raises(EngineFailure) as failure:
                await client.call(generate(stream=False))
            assert (failure.value.error.status, failure.value.error.code) == (503, "engine_draining")
            tokens = sum([delta.tokens async for piece in running for delta in piece])
            await drain

        assert isinstance(running.result, Generated)
        assert running.result.completion_tokens == 400
        assert tokens > 350

    with_client(engine, work)
    assert engine.process.wait(10) == 0
    assert not engine.socket.exists()


def test_a_drain_that_takes_too_long_ends_requests_with_an_error(start_engine: Callable[..., EngineProcess]) -> None:
    engine = start_engine()

    async def work(client: EngineClient) -> None:
        async with client.stream(generate(max_tokens=480)) as running:
            await anext(running)
            drain = asyncio.create_task(client.call(Drain(deadline_s=0.0)))
            with pytest.raises(EngineFailure) as failure:
                async for _ in running:
                    pass
            assert failure.value.error.code == "engine_draining"
            await drain

    with_client(engine, work)
    assert engine.process.wait(10) == 0


def test_sigterm_drains_and_exits_0_and_the_log_holds_no_text(start_engine: Callable[..., EngineProcess]) -> None:
    engine = start_engine()

    async def work(client: EngineClient) -> None:
        await whole(client, generate(CANARY, stream=False))
        with pytest.raises(EngineFailure):
            await client.call(Generate("r", "w", "chat", messages=[Message(CANARY, CANARY)]))
        running = asyncio.create_task(read(client, generate(CANARY, max_tokens=400)))
        await asyncio.sleep(0.1)
        engine.process.send_signal(signal.SIGTERM)
        _, result = await running
        assert result.completion_tokens == 400

    with_client(engine, work)
    assert engine.process.wait(10) == 0
    assert CANARY not in engine.log_text()
    assert [entry["event"] for entry in engine.events()][-1] == "engine.stopped"


def test_a_killed_engine_fails_its_requests_and_comes_back_to_the_same_client(
    start_engine: Callable[..., EngineProcess],
) -> None:
    first = start_engine()

    async def work(client: EngineClient) -> None:
        with pytest.raises(EngineFailure) as failure:
            async with client.stream(generate(max_tokens=480)) as stream:
                await anext(stream)
                os.kill(first.process.pid, signal.SIGKILL)
                async for _ in stream:
                    pass
        assert (failure.value.error.status, failure.value.error.code) == (503, "engine_unavailable")
        first.process.wait()
        with pytest.raises(EngineFailure) as failure:
            await client.call(Stats())
        assert failure.value.error.retry_after_s

        second = await asyncio.to_thread(start_engine)
        await asyncio.sleep(2.1)
        assert (await whole(client, generate(stream=False))).completion_tokens == 24
        assert second.process.pid != first.process.pid

    with_client(first, work)


def test_a_model_that_is_still_loading_is_503(start_engine: Callable[..., EngineProcess]) -> None:
    engine = start_engine(ready=False)
    engine.wait_for("engine.listening")

    async def work(client: EngineClient) -> None:
        try:
            await client.call(generate(stream=False))
        except EngineFailure as failure:
            assert (failure.error.status, failure.error.code) == (503, "model_loading")
            assert failure.error.retry_after_s
        engine.wait_for("engine.ready")
        assert (await whole(client, generate(stream=False))).completion_tokens == 24

    with_client(engine, work)


def test_the_socket_is_private_and_one_engine_alone_has_it(start_engine: Callable[..., EngineProcess]) -> None:
    engine = start_engine()
    assert stat.S_IMODE(engine.socket.stat().st_mode) == 0o600

    second = start_engine(ready=False)
    assert second.process.wait(60) == 2
    assert "another engine listens" in second.log_text()
    assert engine.stop() == 0

    engine.socket.write_text("not a socket")
    third = start_engine(ready=False)
    assert third.process.wait(60) == 2
    assert "is not a socket" in third.log_text()
    assert engine.socket.read_text() == "not a socket"


def test_the_client_loads_no_torch_and_no_django() -> None:
    code = "import sys, inference.engine.client; print([m for m in ('torch', 'django', 'tokenizers', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
