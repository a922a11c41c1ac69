"""Two versions of a model side by side in a running engine, and deployments that change while it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from inference.engine import deployment
from inference.engine.checkpoint import Checkpoint
from inference.engine.client import EngineClient, EngineFailure
from inference.engine.deployment import Deployment, Version, pinned
from inference.engine.protocol import Deploy, Embed, Embedded, ListModels, ModelInfo, Models
from tests.inference.engine import checkpoints
from tests.inference.engine.calls import generate, read, stats, whole, with_client
from tests.inference.engine.conftest import EngineProcess


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models: `chat.json` splits between two checkpoints, `embed.json` is MiniLM, `broken.json` is damaged."""
    folder = tmp_path_factory.mktemp("deployments")
    made = [checkpoints.save_decoder(folder / ".made" / kind, kind, never_ends=True) for kind in ("llama", "qwen3")]
    versions = [version(path, 0.5) for path in made]
    deployment.write(Deployment("chat", versions=versions), folder / "chat.json")
    minilm = checkpoints.minilm()
    deployment.write(Deployment("embed", versions=[version(minilm)], window="low-latency"), folder / "embed.json")
    damaged = checkpoints.save_decoder(folder / ".made" / "damaged", "mistral")
    deployment.write(Deployment("broken", versions=[version(damaged)]), folder / "broken.json")
    with (damaged / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        byte = file.read(1)[0]
        file.seek(-1, 2)
        file.write(bytes([byte ^ 1]))
    return folder


def version(path: Path, share: float = 1.0) -> Version:
    return Version(str(path), Checkpoint.open(path).digest(), share)


@pytest.fixture(scope="module")
def engine(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    running = EngineProcess(tmp_path_factory.mktemp("e"), store)
    running.wait_for("engine.ready")
    yield running
    assert running.stop() == 0


async def info(client: EngineClient, name: str) -> ModelInfo:
    listed = await client.call(ListModels())
    assert isinstance(listed, Models)
    return next(model for model in listed.models if model.name == name)


def test_two_versions_answer_side_by_side_and_say_which_they_are(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        first, second = (await info(client, "chat")).versions
        assert (first.share, second.share, first.path) == (0.5, 0.5, "")
        asked = [
            whole(client, msgspec.structs.replace(generate(model="chat", stream=False, max_tokens=4), request=f"r{n}"))
            for n in range(24)
        ]
        seen = {answer.version for answer in await asyncio.gather(*asked)}
        assert seen == {first.digest[:12], second.digest[:12]}
        for wanted in (first, second):
            request = generate(model=pinned("chat", wanted.digest), stream=False, max_tokens=4)
            assert (await whole(client, request)).version == wanted.digest[:12]
        counted = {model.model for model in (await stats(client)).models}
        assert {pinned("chat", first.digest), pinned("chat", second.digest), "embed"} <= counted

    with_client(engine, work)


def test_weights_that_are_not_what_was_imported_are_not_served(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        with pytest.raises(EngineFailure) as failure:
            await client.call(generate(model="broken", stream=False))
        assert failure.value.error.code == "model_not_found"
        (failed,) = [event for event in engine.events() if event["event"] == "engine.model.failed"]
        assert failed["model"] == "broken"
        assert "not the ones that were imported" in failed["reason"]

    with_client(engine, work)


def test_a_failed_change_leaves_what_is_served(engine: EngineProcess, tmp_path: Path) -> None:
    async def work(client: EngineClient) -> None:
        before = await info(client, "chat")
        absent = Deployment("chat", versions=[Version(str(tmp_path / "absent"))])
        mixed = Deployment("chat", versions=[version(checkpoints.minilm())])
        uneven = Deployment("chat", versions=[Version("a", share=0.5)])
        for wrong in (absent, uneven, msgspec.structs.replace(mixed, versions=[*halves(before), mixed.versions[0]])):
            with pytest.raises(EngineFailure) as failure:
                await client.call(Deploy(wrong))
            assert failure.value.error.code == "invalid_checkpoint"
        assert await info(client, "chat") == before

    def halves(found: ModelInfo) -> list[Version]:
        # By their digests alone: what is loaded is not loaded again.
        return [
            msgspec.structs.replace(v, path="/nowhere", share=s)
            for v, s in zip(found.versions, (0.5, 0.0), strict=True)
        ]

    with_client(engine, work)


def test_a_version_is_promoted_while_the_other_still_answers_and_taken_back(
    store: Path, start_engine: Callable[..., EngineProcess]
) -> None:
    engine = start_engine(models=store)

    async def work(client: EngineClient) -> None:
        old, new = deployment.read(store / "chat.json").versions
        alone = [msgspec.structs.replace(v, share=1.0) for v in (old, new)]
        running = asyncio.create_task(read(client, generate(model=pinned("chat", old.digest), max_tokens=300)))
        await asyncio.sleep(0.05)

        await client.call(Deploy(Deployment("chat", versions=[alone[1]])))

        assert (await info(client, "chat")).digest == new.digest
        assert (await whole(client, generate(model="chat", stream=False))).version == new.digest[:12]
        with pytest.raises(EngineFailure) as failure:
            await whole(client, generate(model=pinned("chat", old.digest), stream=False))
        assert failure.value.error.code == "model_not_found"
        _, result = await running
        assert (result.completion_tokens, result.version) == (300, old.digest[:12])
        await client.call(Deploy(Deployment("chat", versions=[alone[0]])))
        assert (await whole(client, generate(model="chat", stream=False))).version == old.digest[:12]

    with_client(engine, work)


def test_a_deployments_window_is_changed_live(engine: EngineProcess, store: Path) -> None:
    async def flushed(client: EngineClient) -> set[str]:
        embedded = await client.call(Embed("r", "ws", "embed", ["some words"]))
        assert isinstance(embedded, Embedded)
        assert len(embedded.version) == 12
        report = await stats(client)
        return {window for model in report.models if model.model == "embed" for window, _, _ in model.flushes}

    async def work(client: EngineClient) -> None:
        assert await flushed(client) == {"low-latency"}
        served = deployment.read(store / "embed.json")
        knobs = {"batch_window_ms": 3, "max_batch_size": 4, "group_by": [], "p95_budget_ms": 100}
        await client.call(Deploy(msgspec.structs.replace(served, window=knobs)))
        assert await flushed(client) == {"low-latency", "custom"}

    with_client(engine, work)
