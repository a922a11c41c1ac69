from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.engine.client import EngineClient, EngineFailure
from inference.engine.deployment import Deployment, Version
from inference.engine.protocol import (
    Deploy,
    Drain,
    Generate,
    Generated,
    ListModels,
    Message,
    Models,
    Stats,
)
from tests.inference.engine import checkpoints
from tests.inference.engine.calls import CANARY, generate, read, text_of, whole, with_client
from tests.inference.engine.conftest import EngineProcess


def at(path: Path) -> Deploy:
    return Deploy(Deployment("late", versions=[Version(str(path))]))


def test_a_model_is_loaded_and_replaced_while_others_run(engine: EngineProcess, tmp_path: Path) -> None:
    async def work(client: EngineClient) -> None:
        path = checkpoints.save_decoder(tmp_path / "first", "mistral", never_ends=True)
        with pytest.raises(EngineFailure) as failure:
            await client.call(at(tmp_path / "absent"))
        assert (failure.value.error.status, failure.value.error.code) == (400, "invalid_checkpoint")

        await client.call(at(path))
        running = asyncio.create_task(read(client, generate(model="late", max_tokens=400)))
        await asyncio.sleep(0.05)
        other = checkpoints.save_decoder(tmp_path / "second", "qwen3", never_ends=True)
        await client.call(at(other))
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


def test_an_engine_on_a_processor_does_not_hold_torchs_compiler() -> None:
    code = "import sys, inference.engine.process; print([m for m in ('torch._dynamo', 'sympy', 'triton') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--weights", "int8"), "give --compiled a folder, too"),
        (("--weights", "int4", "--compiled", "kept", "--device", "cuda"), "a GPU reads int8"),
        (("--weights", "float8", "--compiled", "kept"), "float8 is for GPUs"),
        (("--threads", "0"), "--threads must be at least 1"),
    ],
)
def test_options_that_do_not_go_together_are_told(options: tuple[str, ...], says: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "inference.engine", "--socket", str(tmp_path / "socket"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert says in done.stderr
