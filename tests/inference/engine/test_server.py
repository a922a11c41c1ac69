from __future__ import annotations

import asyncio
import math
import struct

import pytest

from inference.engine.client import EngineClient, EngineFailure
from inference.engine.protocol import (
    Embed,
    Embedded,
    Generate,
    ListModels,
    Message,
    Models,
    Sampling,
)
from tests.inference.engine.calls import CANARY, generate, read, text_of, whole, with_client
from tests.inference.engine.conftest import EngineProcess


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
