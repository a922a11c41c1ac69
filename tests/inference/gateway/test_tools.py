"""Tools and answer formats: what reaches the engine of them, what comes back, and that personal data does not pass."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec
import pytest

from tests.factories import Organization
from tests.inference.gateway.log import Log
from tests.inference.gateway.scripted import CHAT
from tests.inference.gateway.serving import Served
from tests.inference.gateway.test_answers import events

MAIL = "anna.schmidt@example.org"
FIND = {
    "type": "function",
    "function": {
        "name": "find",
        "description": "Finds a person.",
        "parameters": {"type": "object", "properties": {"who": {"type": "string"}}, "required": ["who"]},
    },
}
CALL = '<tool_call>\n{"name": "find", "arguments": {"who": "%s", "n": 2}}\n</tool_call>'
PATH = "/v1/chat/completions"


def schema_form(schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, **more}}


def chat(content: str = "Hello", **more: Any) -> dict[str, Any]:
    return {"model": CHAT, "messages": [{"role": "user", "content": content}], **more}


def test_a_call_is_answered_whole_with_its_arguments_restored(client: httpx.Client, served: Served, log: Log) -> None:
    response = client.post(PATH, json=chat("I look. " + CALL % MAIL + "\n" + CALL % "Bob", tools=[FIND]))

    choice = response.json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "I look. "
    first, second = choice["message"]["tool_calls"]
    assert first["type"] == "function" and first["id"] != second["id"]
    assert first["function"]["name"] == "find"
    assert json.loads(first["function"]["arguments"]) == {"who": MAIL, "n": 2}
    assert json.loads(second["function"]["arguments"]) == {"who": "Bob", "n": 2}
    assert MAIL not in served.engine.last.messages[-1].content
    record = log.record(response.headers["x-request-id"])
    assert record is not None and record["finish_reason"] == "tool_calls"


def test_a_call_without_text_has_no_content(client: httpx.Client) -> None:
    message = client.post(PATH, json=chat(CALL % "Bob", tools=[FIND])).json()["choices"][0]["message"]
    assert message["content"] is None
    assert len(message["tool_calls"]) == 1


@pytest.mark.parametrize("who", [MAIL, "Bob"])
def test_a_call_streams_as_openai_streams_it(client: httpx.Client, who: str) -> None:
    response = client.post(PATH, json=chat("So: " + CALL % who + "\n" + CALL % "Eve", tools=[FIND], stream=True, n=2))

    chunks = [chunk["choices"][0] for chunk in events(response)]
    for index in range(2):
        mine = [chunk for chunk in chunks if chunk["index"] == index]
        said = "".join(chunk["delta"].get("content") or "" for chunk in mine)
        calls = [call for chunk in mine for call in chunk["delta"].get("tool_calls", ())]
        assert said == "So: "
        for number, wanted in enumerate((who, "Eve")):
            first, *rest = [call for call in calls if call["index"] == number]
            assert (first["function"], first["type"]) == ({"name": "find", "arguments": ""}, "function")
            assert first["id"].startswith("call_")
            assert all(set(call) == {"index", "function"} for call in rest) and len(rest) > 1
            assert json.loads("".join(call["function"]["arguments"] for call in rest)) == {"who": wanted, "n": 2}
        assert mine[-1]["finish_reason"] == "tool_calls"
        assert mine[0]["delta"]["role"] == "assistant"


def test_without_tools_the_marks_are_text(client: httpx.Client) -> None:
    for more in ({}, {"tools": [FIND], "tool_choice": "none"}):
        choice = client.post(PATH, json=chat(CALL % "Bob", **more)).json()["choices"][0]
        assert choice["message"] == {"content": CALL % "Bob", "role": "assistant", "refusal": None}
        assert choice["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (None, ("auto", "")),
        ("auto", ("auto", "")),
        ("none", ("none", "")),
        ("required", ("required", "")),
        ({"type": "function", "function": {"name": "find"}}, ("required", "find")),
    ],
)
def test_the_choice_of_tools_reaches_the_engine(client: httpx.Client, served: Served, choice: Any, wanted: Any) -> None:
    more = {} if choice is None else {"tool_choice": choice}
    assert client.post(PATH, json=chat(tools=[FIND], parallel_tool_calls=False, **more)).status_code == 200
    sent = served.engine.last
    assert (sent.tool_choice, sent.tool, sent.parallel_tool_calls) == (*wanted, False)
    assert [tool.name for tool in sent.tools] == ["find"]
    assert json.loads(sent.tools[0].parameters) == FIND["function"]["parameters"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("more", "kind", "source"),
    [
        ({"response_format": {"type": "text"}}, None, None),
        ({"response_format": {"type": "json_object"}}, "json_object", ""),
        ({"response_format": schema_form({"type": "null"})}, "json_schema", {"type": "null"}),
        ({"structured_outputs": {"regex": "a+"}}, "regex", "a+"),
        ({"structured_outputs": {"choice": ["a", "b"]}}, "choice", ["a", "b"]),
        ({"structured_outputs": {"json": {"type": "null"}}}, "json_schema", {"type": "null"}),
    ],
)  # fmt: skip
def test_the_form_of_the_answer_reaches_the_engine(
    client: httpx.Client, served: Served, more: Any, kind: Any, source: Any
) -> None:
    assert client.post(PATH, json=chat(**more)).status_code == 200
    grammar = served.engine.last.grammar
    if kind is None:
        assert grammar is None
    else:
        assert grammar.kind == kind
        assert (grammar.source if isinstance(source, str) else json.loads(grammar.source)) == source
    if "structured_outputs" in more:
        body = {"model": CHAT, "prompt": ["a", "b"], **more}
        assert client.post("/v1/completions", json=body).status_code == 200
        assert served.engine.last.grammar == grammar


def test_sampling_options_reach_the_engine(client: httpx.Client, served: Served) -> None:
    given = {"presence_penalty": -2, "frequency_penalty": 2, "repetition_penalty": 1.3, "min_p": 0.1, "top_k": 7}
    for path, body in ((PATH, chat()), ("/v1/completions", {"model": CHAT, "prompt": "a"})):
        more = {"logit_bias": {"17": -100, "4": 2.5}, "deterministic": True}
        assert client.post(path, json={**body, **given, **more}).status_code == 200
        assert served.engine.last.deterministic is True
        sampling = msgspec.to_builtins(served.engine.last.sampling)
        assert {name: sampling[name] for name in given} == given
        assert served.engine.last.sampling.logit_bias == {17: -100, 4: 2.5}


def _schema(**more: Any) -> dict[str, Any]:
    return schema_form({"type": "object", **more})


def _function(**more: Any) -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": "f", **more}}]


def _written(call_id: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}}


SCHEMA = "response_format.json_schema.schema"
OPEN_STRICT = {"type": "object", "properties": {"a": {}}, "additionalProperties": False}


PERSONAL: list[dict[str, Any]] = [
    {"tools": [{"type": "function", "function": {"name": "f", "description": f"Ask {MAIL}."}}]},
    {
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": {"properties": {MAIL: {"type": "null"}}}}}
        ]
    },
    *(
        {
            "tools": [
                {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {keyword: value}}}}}
            ]
        }
        for keyword, value in [
            ("description", f"As {MAIL}."),
            ("title", MAIL),
            ("enum", ["x", MAIL]),
            ("const", MAIL),
            ("default", {"deep": [MAIL]}),
            ("examples", [MAIL]),
        ]
    ),
    {"response_format": _schema(description=f"As {MAIL}.")},
    {"response_format": _schema(properties={"a": {"enum": [MAIL]}})},
    {"structured_outputs": {"choice": ["x", MAIL]}},
    {"structured_outputs": {"json": {"const": MAIL}}},
]
HISTORY: list[list[dict[str, Any]]] = [
    [{"role": "tool", "tool_call_id": "c", "content": f"It is {MAIL}."}],
    [{"role": "tool", "tool_call_id": "c", "content": '{"mail": "anna.schmidt\\u0040example.org"}'}],
    [{"role": "tool", "tool_call_id": MAIL, "content": "x"}],
    [{"role": "tool", "tool_call_id": "c", "name": MAIL, "content": "x"}],
    [{"role": "user", "name": MAIL, "content": "x"}],
    *(
        [{"role": "assistant", "tool_calls": [_written(call_id, arguments)]}]
        for call_id, arguments in [
            (MAIL, "{}"),
            ("c", json.dumps({"to": MAIL})),
            ("c", '{"to": "anna.schmidt\\u0040example.org"}'),
            ("c", json.dumps({MAIL: 1})),
            ("c", f"not JSON: {MAIL}"),
            ("c", f'{{"a": "{MAIL}", "a": "b"}}'),
        ]
    ),
]  # fmt: skip


BODIES = [chat(**more) for more in PERSONAL] + [
    {**chat(), "messages": [*turns, *chat()["messages"]]} for turns in HISTORY
]


@pytest.mark.parametrize("body", BODIES)
def test_no_field_takes_personal_data_to_the_engine(client: httpx.Client, served: Served, body: dict[str, Any]) -> None:
    response = client.post(PATH, json=body)

    assert response.status_code == 200, response.text
    sent = msgspec.json.encode(served.engine.last).decode()
    assert "anna" not in sent
    assert "EMAIL_1" in sent
    assert response.headers["x-bailiwick-redactions"].startswith("EMAIL=")


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"structured_outputs": {"regex": "write to anna.schmidt@example.org"}}, "structured_outputs.regex"),
        ({"response_format": _schema(properties={"a": {"type": "string", "pattern": f"^x {MAIL}$"}})}, SCHEMA),
        ({"response_format": _schema(patternProperties={f"^x {MAIL}$": {}})}, SCHEMA),
        ({"response_format": _schema(properties={"a": {"const": 4111111111111111}})}, SCHEMA),
    ],
)  # fmt: skip
def test_personal_data_that_cannot_be_replaced_is_refused(client: httpx.Client, more: Any, param: str) -> None:
    response = client.post(PATH, json=chat(**more))
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["param"]) == ("personal_data_in_grammar", param)
    assert "anna" not in response.text and "4111" not in response.text


DEEP: dict[str, Any] = {"type": "null"}
for _ in range(70):
    DEEP = {"items": DEEP}


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"tools": "x"}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": _function() * 129}, "tools"),
        ({"tools": _function() * 2}, "tools[1].function.name"),
        ({"tools": [{"type": "function", "function": {"name": "no spaces"}}]}, "tools[0].function.name"),
        ({"tools": _function(parameters={"type": "string"})}, "tools[0].function.parameters.type"),
        ({"tools": _function(parameters=DEEP)}, "tools[0].function.parameters"),
        ({"tools": _function(parameters={"title": "x" * 140_000})}, "tools[0].function.parameters"),
        ({"tools": _function(strict=True, parameters={"type": "object", "properties": {}})}, "tools[0].function.parameters"),
        ({"tools": [FIND], "tool_choice": "any"}, "tool_choice"),
        ({"tools": [FIND], "tool_choice": {"type": "function", "function": {"name": "lose"}}}, "tool_choice"),
        ({"tools": [FIND], "tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"functions": [{}]}, "functions"),
        ({"function_call": {"name": "f"}}, "function_call"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}}, SCHEMA),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}, "response_format.json_schema.name"),
        ({"response_format": schema_form(OPEN_STRICT, strict=True)}, SCHEMA),
        ({"structured_outputs": {}}, "structured_outputs"),
        ({"structured_outputs": {"regex": "a", "choice": ["b"]}}, "structured_outputs"),
        ({"structured_outputs": {"choice": []}}, "structured_outputs.choice"),
        ({"guided_regex": "a"}, "guided_regex"),
        ({"logit_bias": {"x": 1}}, "logit_bias"),
        ({"logit_bias": {str(n): 1 for n in range(301)}}, "logit_bias"),
        ({"presence_penalty": 2.5}, "presence_penalty"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"min_p": 1.5}, "min_p"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": "x", "tool_call_id": "c"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": "x", "tool_calls": [_written("c", "")]}]}, "messages[0].tool_calls"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_tools_and_forms_names_the_parameter(client: httpx.Client, more: Any, param: str) -> None:
    response = client.post(PATH, json={**chat(), **more})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


def test_a_strict_schema_that_is_as_openai_asks_is_taken(client: httpx.Client, organization: Organization) -> None:
    inner = {"type": "object", "properties": {"b": {"type": "null"}}, "required": ["b"], "additionalProperties": False}
    schema = {
        "type": "object",
        "properties": {"a": {"anyOf": [inner]}},
        "required": ["a"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": schema}}
    assert client.post(PATH, json=chat(response_format=form)).status_code == 200
