"""A cascade as a deployment: the small model's answer where it is sure, the large one's otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
import pytest

from inference.engine import deployment
from inference.engine.cascade import confidence
from inference.engine.client import EngineClient, EngineFailure
from inference.engine.deployment import CascadeRule, Deployment
from inference.engine.protocol import Choice, Deploy, Embed, ListModels, Models, TokenLogprob
from inference.engine.stats import CascadeStats
from tests.inference.engine import checkpoints
from tests.inference.engine.calls import generate, read, stats, text_of, until_idle, whole, with_client
from tests.inference.engine.conftest import EngineProcess


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    """Two models, and cascades of them that always, never and (`nobody`) cannot exit early."""
    folder = tmp_path_factory.mktemp("cascades")
    checkpoints.save_decoder(folder / "small", "llama", never_ends=True, longest=64)
    checkpoints.save_decoder(folder / "large", "qwen2", never_ends=True)
    for name, threshold in (("easy", 1e-9), ("hard", 1.0)):
        rule = CascadeRule("small", "large", threshold)
        deployment.write(Deployment(name, cascade=rule), folder / f"{name}.json")
    deployment.write(Deployment("nobody", cascade=CascadeRule("small", "absent", 0.5)), folder / "nobody.json")
    running = EngineProcess(tmp_path_factory.mktemp("e"), folder)
    running.wait_for("engine.ready")
    yield running
    assert running.stop() == 0


async def counted(client: EngineClient, name: str) -> CascadeStats:
    return next(cascade for cascade in (await stats(client)).cascades if cascade.model == name)


@pytest.mark.parametrize(("name", "answers"), [("easy", "small"), ("hard", "large")])
def test_a_cascade_gives_the_answer_of_one_of_its_models_and_counts_which(
    engine: EngineProcess, name: str, answers: str
) -> None:
    async def work(client: EngineClient) -> None:
        before = await counted(client, name)
        expected = await whole(client, generate(model=answers, stream=False))

        answer = await whole(client, generate(model=name, stream=False))
        deltas, result = await read(client, generate(model=name))

        assert msgspec.structs.replace(answer, timings=None) == msgspec.structs.replace(expected, timings=None)
        assert answer.choices[0].logprobs is None
        assert text_of(deltas) == expected.choices[0].text
        assert (result.completion_tokens, result.version, result.choices) == (24, expected.version, [])
        assert [delta.finish_reason for delta in deltas][-1] == "length"
        assert all(delta.logprobs is None for delta in deltas)
        after = await counted(client, name)
        exits, escalations = after.exits - before.exits, after.escalations - before.escalations
        assert (exits, escalations) == ((2, 0) if name == "easy" else (0, 2))

    with_client(engine, work)


def test_logprobs_are_there_when_they_were_asked_for(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        answer = await whole(client, generate(model="easy", stream=False, logprobs=2, n=2))
        assert [len(choice.logprobs or ()) for choice in answer.choices] == [24, 24]
        assert all(len(logprob.top) == 2 for logprob in answer.choices[0].logprobs or ())

    with_client(engine, work)


def test_what_the_small_model_cannot_take_goes_to_the_large_one(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        before = await counted(client, "easy")
        prompt = "the quick brown fox jumps over the lazy dog " * 12
        answer = await whole(client, generate(prompt, model="easy", stream=False))
        assert answer.prompt_tokens > 64
        assert (await counted(client, "easy")).failures == before.failures + 1

    with_client(engine, work)


def test_a_cascade_is_listed_as_one_model_and_only_with_both_of_its_own(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        listed = await client.call(ListModels())
        assert isinstance(listed, Models)
        by_name = {model.name: model for model in listed.models}
        assert by_name.keys() == {"small", "large", "easy", "hard"}
        assert (by_name["easy"].architecture, by_name["easy"].versions) == ("Cascade", [])
        assert by_name["easy"].max_tokens == by_name["large"].max_tokens
        for request, code in (
            (generate(model="nobody", stream=False), "model_not_found"),
            (msgspec.structs.replace(generate(model="easy", stream=False), echo=True), "invalid_value"),
            (Embed("r", "ws", "easy", ["text"]), "wrong_model_kind"),
            (Deploy(Deployment("deep", cascade=CascadeRule("easy", "large", 0.5))), "invalid_checkpoint"),
        ):
            with pytest.raises(EngineFailure) as failure:
                await client.call(request)
            assert failure.value.error.code == code

    with_client(engine, work)


def test_a_request_that_is_given_up_or_late_does_not_go_on_to_the_large_model(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        before = await counted(client, "hard")
        task = asyncio.ensure_future(client.call(generate(model="hard", stream=False, max_tokens=40)))
        await asyncio.sleep(0.01)
        task.cancel()
        late = msgspec.structs.replace(generate(model="hard", stream=False, max_tokens=40), deadline_s=0.01)
        with pytest.raises(EngineFailure) as failure:
            await client.call(late)
        assert failure.value.error.status == 504
        report = await until_idle(client)
        assert report.running == 0
        after = await counted(client, "hard")
        assert (after.escalations, after.failures) == (before.escalations, before.failures)

    with_client(engine, work)


def test_confidence_is_the_geometric_mean_of_the_least_sure_choice() -> None:
    def choice(*logprobs: float) -> Choice:
        return Choice(0, "x", "stop", [TokenLogprob("x", 1, value) for value in logprobs])

    assert confidence([choice(0.0, 0.0)]) == 1.0
    assert confidence([choice(-1.0, -3.0), choice(0.0)]) == pytest.approx(0.1353, abs=1e-4)
    assert confidence([choice()]) == 0.0
    assert confidence([]) == 0.0
