"""The current `openai` Python SDK, unchanged, against a whole cell."""

from __future__ import annotations

import math
from typing import Any, Literal

import openai
import pydantic
import pytest
from openai.types.chat import ChatCompletionMessageFunctionToolCall

from tests.e2e.conftest import RunningCell


@pytest.fixture
def client(cell: RunningCell) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{cell.base_url}/v1", api_key=cell.api_key, max_retries=0)


def test_chat_restores_what_was_redacted(cell: RunningCell, client: openai.OpenAI):
    message = "Please confirm to anna.schmidt@example.org that the transfer went out."

    raw = client.chat.completions.with_raw_response.create(
        model=cell.info["models"]["chat"], messages=[{"role": "user", "content": message}], temperature=0, max_tokens=60
    )
    answer = raw.parse()

    assert raw.headers["x-request-id"].startswith("req_eude1_")
    assert raw.headers["x-bailiwick-redactions"] == "EMAIL=1"
    assert "anna.schmidt@example.org" in (answer.choices[0].message.content or "")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_says_the_same_as_the_whole_answer(cell: RunningCell, client: openai.OpenAI):
    request = {
        "model": cell.info["models"]["chat"],
        "messages": [{"role": "user", "content": "Please write to bob@example.org about the invoice."}],
        "temperature": 0,
        "max_tokens": 40,
    }
    whole = client.chat.completions.create(**request)

    chunks = list(client.chat.completions.create(**request, stream=True, stream_options={"include_usage": True}))

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert "[[" not in text
    assert [chunk.usage for chunk in chunks if chunk.usage] == [whole.usage]
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason


def test_completions_with_seed_and_several_choices_repeat(cell: RunningCell, client: openai.OpenAI):
    request = {
        "model": cell.info["models"]["chat"],
        "prompt": "Hello",
        "n": 2,
        "seed": 7,
        "max_tokens": 8,
        "logprobs": 2,
    }

    first, second = (client.completions.create(**request) for _ in range(2))

    assert [choice.text for choice in first.choices] == [choice.text for choice in second.choices]
    assert len(first.choices) == 2
    assert first.choices[0].logprobs is not None
    assert len(first.choices[0].logprobs.tokens) == len(first.choices[0].logprobs.token_logprobs) <= 8


class Meeting(pydantic.BaseModel):
    title: str
    guests: list[Literal["anna", "bob"]]
    room: int | None


def test_answers_parse_into_the_sdks_own_models(cell: RunningCell, client: openai.OpenAI):
    answer = client.chat.completions.parse(
        model=cell.info["models"]["chat"],
        messages=[{"role": "user", "content": "Plan a meeting with anna@example.org."}],
        response_format=Meeting,
        max_tokens=80,
    )

    assert answer.choices[0].finish_reason == "stop"
    assert isinstance(answer.choices[0].message.parsed, Meeting)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "book"}}])
def test_a_tool_is_called_and_its_result_goes_back(cell: RunningCell, client: openai.OpenAI, choice: Any):
    request: dict[str, Any] = {
        "model": cell.info["models"]["chat"],
        "messages": [{"role": "user", "content": "Book it for bob@example.org."}],
        "tools": [openai.pydantic_function_tool(Meeting, name="book")],
        "max_tokens": 120,
        "parallel_tool_calls": False,
    }
    message = client.chat.completions.create(**request, tool_choice=choice).choices[0].message
    assert message.tool_calls
    call = message.tool_calls[0]
    assert isinstance(call, ChatCompletionMessageFunctionToolCall)
    assert call.function.name == "book"
    Meeting.model_validate_json(call.function.arguments)

    with client.chat.completions.stream(**request, tool_choice=choice) as stream:
        final = stream.get_final_completion().choices[0]
    assert final.finish_reason == "tool_calls"
    assert final.message.tool_calls and isinstance(final.message.tool_calls[0].function.parsed_arguments, Meeting)

    result = {"role": "tool", "tool_call_id": call.id, "content": '{"booked": "bob@example.org"}'}
    request["messages"] += [message.model_dump(exclude_none=True), result]
    raw = client.chat.completions.with_raw_response.create(**request, tool_choice="none")
    # The model may have written the address into its arguments, too.
    written = 2 + call.function.arguments.count("bob@example.org")
    assert raw.headers["x-bailiwick-redactions"] == f"EMAIL={written}"
    assert not raw.parse().choices[0].message.tool_calls


def test_embeddings_are_unit_vectors_that_know_what_is_near(cell: RunningCell, client: openai.OpenAI):
    texts = ["A cat sleeps on the sofa.", "A kitten naps on the couch.", "The invoice is overdue."]

    answer = client.embeddings.create(model=cell.info["models"]["embedding"], input=texts)

    cat, kitten, invoice = (item.embedding for item in answer.data)
    assert math.isclose(sum(x * x for x in cat), 1, rel_tol=1e-4)
    assert (
        sum(map(math.prod, zip(cat, kitten, strict=True))) > sum(map(math.prod, zip(cat, invoice, strict=True))) + 0.2
    )


def test_the_models_are_listed(cell: RunningCell, client: openai.OpenAI):
    assert {model.id for model in client.models.list()} >= set(cell.info["models"].values())


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"model": "gpt-nowhere"}, openai.NotFoundError),
        ({"temperature": "hot"}, openai.BadRequestError),
        ({"messages": []}, openai.BadRequestError),
        ({"max_tokens": -1}, openai.BadRequestError),
        ({"messages": [{"role": "user", "content": "word " * 20_000}]}, openai.BadRequestError),
    ],
)
def test_errors_arrive_as_the_sdks_own(cell: RunningCell, client: openai.OpenAI, change: dict, error: type[Exception]):
    request = {"model": cell.info["models"]["chat"], "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}

    with pytest.raises(error) as caught:
        client.chat.completions.create(**{**request, **change})

    assert caught.value.body["message"]  # type: ignore[attr-defined]
    assert client.chat.completions.create(**request).choices


def test_keys_that_do_not_work_say_why(cell: RunningCell):
    def call(key: str) -> None:
        openai.OpenAI(base_url=f"{cell.base_url}/v1", api_key=key, max_retries=0).models.list()

    with pytest.raises(openai.AuthenticationError):
        call("sk-eude1-nonsense")
    with pytest.raises(openai.PermissionDeniedError):
        call(cell.admin_key)
