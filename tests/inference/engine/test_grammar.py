from __future__ import annotations

import json
import random
import re
from typing import Any

import jsonschema
import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.engine import grammar as grammars
from inference.engine import matcher as matchers
from inference.engine.errors import Refusal
from inference.engine.grammar import Grammars
from inference.engine.intake import size
from inference.engine.matcher import CompiledGrammar
from inference.engine.protocol import Generate, Grammar, Message, Tool
from inference.engine.vocabulary import Vocabulary
from tests.inference.engine.schemas import SCHEMAS
from tests.inference.engine.vocabularies import byte_level, sentence_piece

TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"value": {"type": "number"}, "below": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
            "required": ["value", "below"],
            "additionalProperties": False,
        }
    },
}


def ask(source: Any, kind: Any = "json_schema", workspace: str = "ws", **options: Any) -> Generate:
    text = source if isinstance(source, str) else json.dumps(source)
    messages = [Message("user", "Who?")]
    return Generate("req", workspace, "model", messages=messages, grammar=Grammar(kind, text), **options)


def answer(compiled: CompiledGrammar, vocabulary: Vocabulary, budget: int, seed: int) -> tuple[str, str]:
    """Text and finish reason from a model that draws anything that is allowed, and sometimes what is not."""
    chance = random.Random(seed)
    matcher = compiled.matcher(budget)
    taken: list[int] = []
    while not matcher.ended and len(taken) < budget:
        allowed = numpy.unpackbits(matcher.allowed(), bitorder="little").nonzero()[0]
        token = matcher.settle(int(chance.choice(allowed)) if chance.random() < 0.95 else chance.randrange(300))
        if token == matcher.end:
            break
        taken.append(token)
    assert len(taken) <= budget
    return vocabulary.library.decode_bytes(taken).decode(), matcher.reason


@pytest.mark.parametrize("vocabulary", [byte_level, sentence_piece])
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schema=SCHEMAS, extra=st.integers(0, 60), seed=st.integers(0, 2**32))
def test_every_admitted_answer_is_complete_and_valid(vocabulary: Any, schema: Any, extra: int, seed: int) -> None:
    words = vocabulary()
    compiled = Grammars(words).of(ask(schema))
    assert compiled is not None

    text, reason = answer(compiled, words, compiled.least_tokens + extra, seed)

    assert reason == "stop"
    jsonschema.validate(json.loads(text), schema)


@settings(max_examples=20, deadline=None)
@given(extra=st.integers(0, 150), seed=st.integers(0, 2**32))
def test_a_schema_that_nests_without_end_ends_in_time(extra: int, seed: int) -> None:
    compiled = Grammars(byte_level()).of(ask(TREE))
    assert compiled is not None
    text, _ = answer(compiled, byte_level(), compiled.least_tokens + extra, seed)
    jsonschema.validate(json.loads(text), TREE)


def test_nested_objects_are_written_where_there_is_room() -> None:
    compiled = Grammars(byte_level()).of(ask(TREE))
    assert compiled is not None
    written = [answer(compiled, byte_level(), 300, seed)[0] for seed in range(30)]
    assert any(json.loads(text)["below"] for text in written)


@pytest.mark.parametrize(
    "pattern", ["[a-f]{3}-[0-9]{2}", "(cat|doggy)+", ".*foo", "(a|b[0-9]{20})", r"\d+(\.\d+)?", "x?", "[^a]b*"]
)
def test_a_regular_expression_is_met(pattern: str) -> None:
    compiled = Grammars(byte_level()).of(ask(pattern, "regex"))
    assert compiled is not None
    for seed in range(8):
        text, reason = answer(compiled, byte_level(), compiled.least_tokens + seed, seed)
        assert re.fullmatch(pattern, text, re.DOTALL), text
        assert reason == "stop"


def test_a_choice_is_one_of_them_and_any_object_is_an_object() -> None:
    choices = ["yes", "no", 'per"haps', "ungefähr"]
    made = Grammars(byte_level())
    chosen, free = made.of(ask(choices, "choice")), made.of(ask("", "json_object"))
    assert chosen is not None and free is not None
    texts = {answer(chosen, byte_level(), 30, seed)[0] for seed in range(40)}
    assert len(texts) > 2 and texts <= set(choices)
    for seed in range(20):
        assert isinstance(json.loads(answer(free, byte_level(), 2 + seed, seed)[0]), dict)


WEATHER = Tool(
    "weather", "", json.dumps({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
)
CLOCK = Tool("clock")


@pytest.mark.parametrize("parallel", [True, False])
def test_a_required_call_is_a_call_of_an_offered_tool(parallel: bool) -> None:
    wire = Generate("req", "ws", "model", tools=[WEATHER, CLOCK], tool_choice="required", parallel_tool_calls=parallel)
    compiled = Grammars(byte_level()).of(wire)
    assert compiled is not None
    called = set()
    for seed in range(20):
        text, reason = answer(compiled, byte_level(), compiled.least_tokens + 4 * seed, seed)
        calls = re.findall(r"<tool_call>\n(.*?)\n</tool_call>", text, re.DOTALL)
        assert "\n".join(f"<tool_call>\n{call}\n</tool_call>" for call in calls) == text
        assert reason == "stop" and (parallel or len(calls) == 1)
        for call in map(json.loads, calls):
            called.add(call["name"])
            assert list(call) == ["name", "arguments"]
            assert isinstance(call["arguments"]["city"], str) if call["name"] == "weather" else call["arguments"] == {}
    assert called == {"weather", "clock"}


def test_a_named_tool_is_the_only_one() -> None:
    compiled = Grammars(byte_level()).of(
        Generate("req", "ws", "model", tools=[WEATHER, CLOCK], tool_choice="required", tool="clock")
    )
    assert compiled is not None
    assert all('"clock"' in answer(compiled, byte_level(), 60, seed)[0] for seed in range(5))


def test_free_text_ends_as_without_a_grammar_and_a_begun_call_is_finished() -> None:
    compiled = Grammars(byte_level()).of(Generate("req", "ws", "model", tools=[WEATHER]))
    assert compiled is not None and compiled.least_tokens == 0
    library = byte_level().library

    matcher = compiled.matcher(4)
    for token in library.tokenize_str("Well"):
        assert matcher.settle(token) == token
    assert matcher.reason == "length"
    written = list(library.tokenize_str("Let me see. <tool_call>"))
    matcher = compiled.matcher(len(written) + 60)
    assert [matcher.settle(token) for token in written] == written
    while not matcher.ended:
        token = matcher.settle(library.tokenize_str("!")[0])
        if token != matcher.end:
            written.append(token)
    call = re.fullmatch(r"Let me see. <tool_call>\n(.*)\n</tool_call>", library.decode_str(written))
    assert call and json.loads(call[1])["name"] == "weather"
    assert matcher.reason == "stop"


def test_a_call_that_cannot_be_finished_is_not_begun() -> None:
    compiled = Grammars(byte_level()).of(Generate("req", "ws", "model", tools=[WEATHER]))
    assert compiled is not None
    *most, last = byte_level().library.tokenize_str("<tool_call>")
    matcher = compiled.matcher(len(most) + 5)
    for token in most:
        matcher.settle(token)
    assert matcher.settle(last) == matcher.end
    assert (matcher.ended, matcher.reason) == (True, "length")


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("json_schema", '{"type": "canary"}'),
        ("json_schema", '{"canary'),
        ("json_schema", '["canary"]'),
        ("json_schema", '{"type": "integer", "minimum": 5, "maximum": 3, "title": "canary"}'),
        ("json_schema", '{"not": {"const": "canary"}}'),
        ("json_schema", '{"$ref": "#/canary"}'),
        ("json_schema", '{"$ref": "https://canary.example/schema"}'),
        ("json_schema", '{"$ref": "#"}'),
        ("json_schema", '{"type": "string", "pattern": "(canary"}'),
        ("json_schema", '{"type": "string", "pattern": "(canary{100}){1000}"}'),
        ("json_schema", '{"enum": [], "title": "canary"}'),
        ("json_schema", '{"type": "object", "properties": "canary"}'),
        ("json_schema", '{"type": "string", "minLength": 1000000000, "title": "canary"}'),
        ("json_schema", '{"x-guidance": {"lenient": true}, "not": {"const": "canary"}}'),
        ("json_schema", '{"a":' * 5000 + "1" + "}" * 5000),
        ("json_schema", json.dumps({"title": "canary" * 40_000})),
        ("regex", "(canary"),
        ("regex", "(?=canary)"),
        ("regex", r"\bcanary"),
        ("regex", "(a{1000}){1000}"),
        ("regex", "canary" * 2000),
        ("choice", "canary"),
        ("choice", '["canary", ""]'),
        ("choice", json.dumps(["canary" * 20_000])),
    ],
)
def test_what_cannot_be_followed_is_refused_without_quoting_it(kind: str, source: str) -> None:
    with pytest.raises(Refusal) as refused:
        Grammars(byte_level()).of(ask(source, kind))
    error = refused.value.error
    param = "response_format" if kind == "json_schema" else "structured_outputs"
    assert (error.status, error.code, error.param) == (400, "invalid_grammar", param)
    assert "canary" not in error.message


def test_a_tool_is_enforced_as_far_as_it_can_be_unless_it_is_strict() -> None:
    odd = json.dumps({"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}})
    made = Grammars(byte_level())
    assert made.of(Generate("req", "ws", "model", tools=[Tool("odd", "", odd)])) is not None
    with pytest.raises(Refusal) as refused:
        made.of(Generate("req", "ws", "model", tools=[Tool("odd", "", odd, strict=True)]))
    assert "uniqueItems" in refused.value.error.message
    assert refused.value.error.param == "tools"


def test_a_text_that_the_library_gives_up_on_is_still_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = Grammars(byte_level()).of(ask(TREE))
    assert compiled is not None
    monkeypatch.setattr(matchers, "SLOW_S", -1.0)
    for seed in range(5):
        text, reason = answer(compiled, byte_level(), 100, seed)
        assert (json.loads(text), reason) == ({"value": 0, "below": []}, "stop")


def test_compiled_grammars_stay_in_their_workspace_and_go_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Grammars(byte_level())
    first = made.of(ask({"type": "string"}))
    assert made.of(ask({"type": "string"})) is first
    assert made.of(ask({"type": "string"}, workspace="other")) is not first
    assert made.of(ask({"type": "string"}, cache="key", key="k1")) is not made.of(
        ask({"type": "string"}, cache="key", key="k2")
    )
    assert len(made) == 4
    made.of(ask({"type": "null"}, cache="request"))
    assert len(made) == 4
    assert made.erase("ws") == 3
    assert made.erase("ws") == 0
    assert len(made) == 1
    assert made.of(ask({"type": "string"})) is not first

    monkeypatch.setattr(grammars, "KEPT_EACH", 3)
    monkeypatch.setattr(grammars, "KEPT", 5)
    for workspace in ("a", "b", "c"):
        for number in range(6):
            made.of(ask({"const": number}, workspace=workspace))
    assert len(made) == 5
    assert made.erase("c") == 3


def test_compiling_is_never_work_for_the_loop_thread() -> None:
    plain = Generate("req", "ws", "model", messages=[Message("user", "hi")])
    assert size(plain) == 2
    for more in ({"grammar": Grammar("json_object")}, {"tools": [CLOCK]}):
        assert size(Generate("req", "ws", "model", messages=[Message("user", "hi")], **more)) > 1 << 19
    idle = Generate("req", "ws", "model", messages=[Message("user", "hi")], tools=[CLOCK], tool_choice="none")
    assert size(idle) < 100
