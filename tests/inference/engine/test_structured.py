from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from inference.engine.checkpoint import Checkpoint
from inference.engine.client import EngineClient, EngineFailure
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.decoder_worker import DecoderWorker
from inference.engine.grammar import Grammars
from inference.engine.protocol import Generate, Grammar, Message, Sampling, Tool
from inference.engine.scheduler import Limits
from inference.engine.vocabulary import Vocabulary
from tests.inference.engine import checkpoints
from tests.inference.engine.conftest import EngineProcess
from tests.inference.engine.harness import generated, generation
from tests.inference.engine.test_server import read, text_of, whole, with_client

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "maximum": 150}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
PERSON = Grammar("json_schema", json.dumps(SCHEMA))
TOOL = Tool("find", "Finds a person.", json.dumps(SCHEMA))


def ask(model: str = "endless", stream: bool = False, **options: Any) -> Generate:
    sampling = {"max_tokens": 40, "temperature": 1.5, "seed": 3, **options.pop("sampling", {})}
    given = {"messages": [Message("user", "Who?")], "grammar": PERSON, **options}
    return Generate("req", "ws", model, stream=stream, sampling=Sampling(**sampling), **given)


def valid(text: str) -> bool:
    person = json.loads(text)
    return list(person) == ["name", "age"] and isinstance(person["name"], str) and 0 <= person["age"] <= 150


@pytest.mark.parametrize("model", ["chat", "endless"])
def test_answers_are_whole_alone_in_company_and_streamed(engine: EngineProcess, model: str) -> None:
    async def work(client: EngineClient) -> None:
        alone = await whole(client, ask(model, sampling={"n": 3}))
        texts = [choice.text for choice in alone.choices]
        others = [whole(client, ask(model, sampling={"seed": seed, "top_k": 30})) for seed in range(6)]
        deltas, result = await read(client, ask(model, stream=True, sampling={"n": 3}))
        await asyncio.gather(*others)

        assert all(map(valid, texts)) and len(set(texts)) == 3
        assert {choice.finish_reason for choice in alone.choices} == {"stop"}
        assert [text_of(deltas, index) for index in range(3)] == texts
        assert result.completion_tokens == alone.completion_tokens <= 120

    with_client(engine, work)


def test_greedy_answers_stop_strings_and_logprobs_go_with_a_grammar(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        plain = await whole(client, ask(sampling={"temperature": 0.0, "logprobs": 2}))
        cut = await whole(client, ask(sampling={"temperature": 0.0, "stop": ['"age']}))

        (choice,) = plain.choices
        assert valid(choice.text)
        assert "".join(logprob.token for logprob in choice.logprobs or ()) == choice.text
        assert choice.text.startswith(cut.choices[0].text) and '"age' not in cut.choices[0].text

    with_client(engine, work)


def test_tools_reach_a_template_that_knows_nothing_of_them(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        tool = Tool("t", "", '{"properties": {"n": {"type": "integer"}}, "required": ["n"]}')
        options = {"messages": [Message("user", "Hi")], "grammar": None, "tools": [tool]}
        sampling = {"max_tokens": 60, "logit_bias": {1: -100.0}}
        called = await whole(client, ask(**options, tool_choice="required", sampling=sampling))
        free = await whole(client, ask(**options, sampling=sampling))
        untold = await whole(client, ask(**{**options, "tools": []}))

        call = json.loads(called.choices[0].text.removeprefix("<tool_call>\n").partition("\n</tool_call>")[0])
        assert call["name"] == "t" and isinstance(call["arguments"]["n"], int)
        assert (called.choices[0].finish_reason, free.choices[0].finish_reason) == ("stop", "length")
        assert called.prompt_tokens == free.prompt_tokens > untold.prompt_tokens + 100

    with_client(engine, work)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"presence_penalty": 2.1}, "presence_penalty"),
        ({"frequency_penalty": -2.1}, "frequency_penalty"),
        ({"frequency_penalty": float("nan")}, "frequency_penalty"),
        ({"repetition_penalty": 0.0}, "repetition_penalty"),
        ({"min_p": 1.1}, "min_p"),
        ({"logit_bias": {320: 1.0}}, "logit_bias"),
        ({"logit_bias": {3: 101.0}}, "logit_bias"),
        ({"logit_bias": dict.fromkeys(range(301), 1.0)}, "logit_bias"),
    ],
)
def test_sampling_values_out_of_bounds_name_their_field(engine: EngineProcess, change: Any, param: str) -> None:
    async def work(client: EngineClient) -> None:
        with pytest.raises(EngineFailure) as caught:
            await client.call(ask(grammar=None, sampling=change))
        assert (caught.value.error.status, caught.value.error.param) == (400, param)

    with_client(engine, work)


def test_bias_and_penalties_change_what_is_drawn(engine: EngineProcess) -> None:
    async def work(client: EngineClient) -> None:
        def plain(**sampling: Any) -> Generate:
            return ask(grammar=None, sampling={"temperature": 0.0, "logprobs": 0, **sampling})

        def ids(result: Any) -> list[int]:
            return [entry.token_id for entry in result.choices[0].logprobs]

        assert set(ids(await whole(client, plain(logit_bias={65: 100.0})))) == {65}
        favoured = {"logit_bias": {65: 100.0, 66: 100.0, 67: 100.0}}
        repeated = ids(await whole(client, plain(frequency_penalty=-2.0, **favoured)))
        spread = ids(await whole(client, plain(frequency_penalty=2.0, **favoured)))
        assert max(map(spread.count, (65, 66, 67))) < max(map(repeated.count, (65, 66, 67)))
        assert set(repeated) | set(spread) <= {65, 66, 67}

    with_client(engine, work)


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"sampling": {"max_tokens": 5}}, "max_tokens_too_small", "max_tokens"),
        ({"grammar": Grammar("regex", "(")}, "invalid_grammar", "structured_outputs"),
        ({"tools": [TOOL], "tool_choice": "required", "tool": "lose"}, "invalid_grammar", "tool_choice"),
        ({"tools": [TOOL] * 129}, "invalid_grammar", "tools"),
        ({"tools": [TOOL], "grammar": Grammar("choice", '["a"]')}, "invalid_grammar", "tools"),
    ],
)
def test_a_form_that_cannot_be_had_is_400(engine: EngineProcess, change: Any, code: str, param: str) -> None:
    async def work(client: EngineClient) -> None:
        with pytest.raises(EngineFailure) as caught:
            await client.call(ask(**change))
        error = caught.value.error
        assert (error.status, error.code, error.param) == (400, code, param)
        assert valid((await whole(client, ask())).choices[0].text)

    with_client(engine, work)


def test_a_preempted_answer_goes_on_where_it_was_in_its_grammar(tmp_path: Any) -> None:
    checkpoint = Checkpoint.open(checkpoints.save_decoder(tmp_path))
    tokenizer, runner = checkpoint.tokenizer(), DecoderRunner(checkpoint)
    vocabulary = Vocabulary(tokenizer.source(), checkpoint.config.vocab_size, checkpoint.stop_ids)
    compiled = Grammars(vocabulary).of(Generate("req", "ws", "model", grammar=PERSON))
    assert compiled is not None

    def answer(interrupt: bool) -> str:
        worker = DecoderWorker(runner, tokenizer, Limits(step_tokens=48), cache_bytes=1 << 20)
        request, events = generation(
            tokenizer, [5, 6, 7], Sampling(temperature=1.0), max_tokens=40, stop_ids=checkpoint.stop_ids
        )
        request.grammar = compiled
        worker.submit(request, 0.0)
        for step in range(200):
            if interrupt and step in (4, 9):
                # What preemption does: the keys and values are forgotten, the tokens are not.
                request.choices[0].computed = 0
            if not worker.step(float(step)):
                break
        assert generated(events).completion_tokens <= 40
        return events.text

    whole_text = answer(interrupt=False)
    assert valid(whole_text)
    assert answer(interrupt=True) == whole_text
