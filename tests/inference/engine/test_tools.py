from __future__ import annotations

import json

from inference.engine.protocol import Message, Tool, ToolCall
from inference.engine.template import ChatTemplate
from inference.engine.tokenizer import Tokenizer
from inference.engine.tools import as_text, for_template
from tests.inference.engine import checkpoints

FIND = Tool("find", "Finds a person.", '{"type": "object", "properties": {"who": {"type": "string"}}}')
HISTORY = [
    Message("system", "Be brief."),
    Message("user", "Who are Ann and Bob?", name="eve"),
    Message(
        "assistant", "I look.", tool_calls=[ToolCall("c1", "find", '{"who": "Ann"}'), ToolCall("c2", "find", "broken")]
    ),
    Message("tool", "a person", tool_call_id="c1"),
    Message("tool", "another", tool_call_id="c2"),
]


def test_a_template_without_tools_is_told_in_ordinary_messages() -> None:
    system, user, assistant, results = as_text(HISTORY, [FIND])

    assert system["role"] == "system" and system["content"].startswith("Be brief.\n\n")
    described = next(line for line in system["content"].splitlines() if line.startswith("{"))
    assert json.loads(described) == {
        "name": "find",
        "description": "Finds a person.",
        "parameters": {"type": "object", "properties": {"who": {"type": "string"}}},
    }
    assert user == {"role": "user", "content": "Who are Ann and Bob?", "name": "eve"}
    assert assistant["content"] == (
        'I look.\n<tool_call>\n{"name": "find", "arguments": {"who": "Ann"}}\n</tool_call>\n'
        '<tool_call>\n{"name": "find", "arguments": broken}\n</tool_call>'
    )
    assert results == {
        "role": "user",
        "content": "<tool_response>\na person\n</tool_response>\n<tool_response>\nanother\n</tool_response>",
    }
    assert [turn["role"] for turn in as_text(HISTORY[1:2], [FIND])] == ["system", "user"]
    assert as_text(HISTORY[:2], []) == [{"role": "system", "content": "Be brief."}, user]


def test_a_template_that_knows_tools_gets_them_as_transformers_gives_them() -> None:
    turns, tools = for_template(HISTORY, [FIND])

    assert tools[0]["type"] == "function" and tools[0]["function"]["name"] == "find"
    first, second = turns[2]["tool_calls"]
    assert first == {"id": "c1", "type": "function", "function": {"name": "find", "arguments": {"who": "Ann"}}}
    assert second["function"]["arguments"] == "broken"
    assert turns[3] == {"role": "tool", "content": "a person", "tool_call_id": "c1"}


def test_a_template_is_trusted_with_tools_only_if_it_writes_calls_as_they_are_read() -> None:
    own = "{% for tool in tools %}{{ tool.function.name }}: <tool_call>{% endfor %}{{ messages[0].content }}"
    other = "{% for tool in tools or [] %}[TOOLS]{{ tool.function.name }}{% endfor %}{{ messages[0].content }}"
    unaware = "{% for message in messages %}{{ message.content }}{% endfor %}"
    asked = [Message("user", "Hi")]

    def prompt(source: str) -> str:
        tokenizer = Tokenizer(checkpoints.tokenizer(), ChatTemplate(source, {}))
        return tokenizer.decode(tokenizer.encode_chat(asked, [FIND]))

    assert prompt(own) == "find: <tool_call>Hi"
    for source in (other, unaware):
        assert "You may call these functions" in prompt(source) and "[TOOLS]" not in prompt(source)
