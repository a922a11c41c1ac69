"""Tools in a prompt and in a grammar: how a model is told of them, and what a call of one looks like. Imports no torch.

A call stands in the answer as ``<tool_call>``, a line with a JSON object, ``</tool_call>`` (`protocol.TOOL_CALL_OPEN`).
A chat template that knows this form is given the tools and writes them its own way; for every other template the tools
are written into the system message here, and the calls and results of the history into ordinary messages.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from inference.engine.protocol import TOOL_CALL_CLOSE, TOOL_CALL_OPEN, Generate, Message, Tool, ToolCall

MAX_TOOLS = 128
NO_PARAMETERS = '{"type":"object","properties":{},"additionalProperties":false}'

_INSTRUCTIONS = (
    "You may call these functions:\n{tools}\n"
    f"To call one, write\n{TOOL_CALL_OPEN}\n"
    '{{"name": its name, "arguments": {{by its parameters}}}}\n'
    f"{TOOL_CALL_CLOSE}\n"
    "and nothing after it. Results come in <tool_response>."
)


def for_template(messages: Sequence[Message], tools: Sequence[Tool]) -> tuple[list[dict[str, Any]], list[Any]]:
    """Messages and tools in the form in which transformers gives them to a chat template."""
    turns = []
    for message in messages:
        turn: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.name is not None:
            turn["name"] = message.name
        if message.tool_calls:
            turn["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": _arguments(call)},
                }
                for call in message.tool_calls
            ]
        if message.tool_call_id is not None:
            turn["tool_call_id"] = message.tool_call_id
        turns.append(turn)
    return turns, [{"type": "function", "function": _described(tool)} for tool in tools]


def as_text(messages: Sequence[Message], tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """The same in ordinary messages, for a template that knows nothing of tools."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        turn: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.name is not None and message.role != "tool":
            turn["name"] = message.name
        if message.tool_calls:
            calls = "\n".join(map(_written, message.tool_calls))
            turn["content"] = f"{message.content}\n{calls}" if message.content else calls
        if message.role == "tool":
            turn = {"role": "user", "content": f"<tool_response>\n{message.content}\n</tool_response>"}
            # Results of calls made together come together: templates want user and assistant by turns.
            if turns and turns[-1].get("results"):
                turns[-1]["content"] += "\n" + turn["content"]
                continue
            turn["results"] = True
        turns.append(turn)
    for turn in turns:
        turn.pop("results", None)
    if tools:
        told = _INSTRUCTIONS.format(tools="\n".join(_dump(_described(tool)) for tool in tools))
        if turns and turns[0]["role"] == "system":
            turns[0]["content"] = f"{turns[0]['content']}\n\n{told}"
        else:
            turns.insert(0, {"role": "system", "content": told})
    return turns


def offered(wire: Generate) -> list[Tool]:
    """The tools that this answer may call."""
    if wire.tool_choice == "none":
        return []
    return [tool for tool in wire.tools if wire.tool_choice == "auto" or wire.tool in ("", tool.name)]


def lark(tools: Sequence[tuple[str, str]], *, answer: str | None, must_call: bool, parallel: bool) -> str:
    """The grammar of an answer that may call `tools`, pairs of a name and its parameters as JSON schema text.

    `answer` is the JSON schema of an answer that calls none; None lets it be any text.
    """
    more = " more*" if parallel else ""
    mark = json.dumps(TOOL_CALL_OPEN)
    if must_call:
        start = f"start: {mark} call{more}"
    elif answer is not None:
        start = f"start: answer | {mark} call{more}\nanswer: %json {answer}"
    else:
        # Lazy: the mark ends free text wherever it comes, so what follows it is a call and nothing else.
        start = f"start: TEXT | opening call{more}\nopening[lazy]: TEXT {mark}\nTEXT: /(.|\\n)*/"
    lines = [
        "%llguidance {}",
        start,
        f'call: "\\n" body {json.dumps(chr(10) + TOOL_CALL_CLOSE)}',
        "body: " + " | ".join(f"tool_{number}" for number in range(len(tools))),
    ]
    if parallel:
        lines.append(f"more: {json.dumps(chr(10) + TOOL_CALL_OPEN)} call")
    for number, (name, parameters) in enumerate(tools):
        head = json.dumps(f'{{"name": {json.dumps(name)}, "arguments": ')
        lines.append(f'tool_{number}: {head} %json {parameters} "}}"')
    return "\n".join(lines)


def call_text(name: str, arguments: str) -> str:
    return f'{TOOL_CALL_OPEN}\n{{"name": {json.dumps(name)}, "arguments": {arguments}}}\n{TOOL_CALL_CLOSE}'


def _written(call: ToolCall) -> str:
    return call_text(call.name, call.arguments or "{}")


def _described(tool: Tool) -> dict[str, Any]:
    described: dict[str, Any] = {"name": tool.name}
    if tool.description:
        described["description"] = tool.description
    described["parameters"] = json.loads(tool.parameters or NO_PARAMETERS)
    return described


def _arguments(call: ToolCall) -> Any:
    """As an object where they are one: that is what most templates print."""
    try:
        return json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return call.arguments


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
