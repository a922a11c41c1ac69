"""Messages of a chat as callers send them: their shapes, their checks, their texts for redaction, what the engine gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from inference.engine.protocol import Message
from inference.gateway import functions
from inference.gateway.documents import named, rewritten, shown
from inference.gateway.errors import invalid, unsupported
from inference.gateway.functions import Texts, WrittenCall


class ContentPart(msgspec.Struct):
    type: str
    text: str | None = None


class ChatMessage(msgspec.Struct):
    role: str
    content: str | list[ContentPart] | None = None
    name: str | None = None
    tool_calls: list[WrittenCall] | None = None
    tool_call_id: str | None = None
    function_call: Any = None


def check_message(message: ChatMessage, where: str) -> None:
    """What the types cannot say. Raises ApiError."""
    if message.role == "function" or message.function_call:
        raise unsupported(where, "Use 'tool_calls' and messages of role 'tool'.")
    if message.role not in ("system", "developer", "user", "assistant", "tool"):
        raise invalid(f"'{where}.role' must be system, developer, user, assistant or tool.", f"{where}.role")
    if message.tool_calls:
        if message.role != "assistant":
            raise invalid("Only an assistant calls tools.", f"{where}.tool_calls")
        for index, call in enumerate(message.tool_calls):
            if call.type != "function":
                raise unsupported(f"{where}.tool_calls[{index}].type", "Only functions can have been called.")
            functions.check_name(call.function.name, f"{where}.tool_calls[{index}].function.name")
    if (message.role == "tool") != (message.tool_call_id is not None):
        raise invalid(f"A message of role 'tool', and no other, needs '{where}.tool_call_id'.", f"{where}.tool_call_id")
    if message.content is None and message.role != "assistant":
        raise invalid(f"'{where}.content' must be text.", f"{where}.content")
    if isinstance(message.content, list):
        for index, part in enumerate(message.content):
            if part.type != "text" or part.text is None:
                raise unsupported(f"{where}.content[{index}]", "Only parts of type 'text' are understood.")


def message_texts(message: ChatMessage) -> Iterator[str]:
    """Everything in it that the caller wrote."""
    content = _content(message)
    # A tool's result is a document where it is JSON: what is escaped in it must be seen as what it says.
    yield shown(content) if message.role == "tool" else content
    if message.name is not None:
        yield named("name", message.name)
    yield from functions.call_texts(message.tool_calls or [])
    if message.tool_call_id is not None:
        yield message.tool_call_id


def engine_message(message: ChatMessage, texts: Texts) -> Message:
    """The message with `texts`, those of `message_texts` after redaction, in its places."""
    content = rewritten(_content(message), iter(texts)) if message.role == "tool" else texts.next()
    return Message(
        "system" if message.role == "developer" else message.role,
        content,
        None if message.name is None else texts.next(),
        functions.engine_calls(message.tool_calls or [], texts),
        None if message.tool_call_id is None else texts.next(),
    )


def _content(message: ChatMessage) -> str:
    content = message.content
    if content.__class__ is str:
        return content
    return "".join(part.text or "" for part in content) if content else ""  # type: ignore[union-attr]
