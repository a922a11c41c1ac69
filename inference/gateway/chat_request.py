"""Bodies of `/v1/chat/completions`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from inference.engine.lanes import Lane
from inference.engine.protocol import Generate
from inference.gateway import functions
from inference.gateway.errors import invalid, unsupported
from inference.gateway.functions import NamedTool, ResponseFormat, Texts, ToolDefinition
from inference.gateway.messages import ChatMessage, check_message, engine_message, message_texts
from inference.gateway.sampled_request import Positive, SampledRequest, TopLogprobs, take

_ROUTES = {"developer": "system", "tool": "tool_results"}
"""Where the role of a message is not the name of its part."""


class ChatRequest(SampledRequest, kw_only=True):
    messages: list[ChatMessage]
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None
    tools: list[ToolDefinition] | None = None
    tool_choice: str | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    functions: Any = None
    function_call: Any = None
    response_format: ResponseFormat | None = None
    modalities: Any = None
    audio: Any = None
    prediction: Any = None
    web_search_options: Any = None
    moderation: Any = None

    kind: ClassVar[str] = "chat"
    model_kind: ClassVar[str] = "chat"
    token_inputs: ClassVar[bool] = False
    unsupported: ClassVar[dict[str, str]] = SampledRequest.unsupported | {
        "functions": "Use 'tools'.",
        "function_call": "Use 'tool_choice'.",
        "modalities": "Only text goes in and comes out; leave it out.",
        "audio": "Only text goes in and comes out; leave it out.",
        "prediction": "Leave it out.",
        "web_search_options": "This cell reaches nothing outside it; leave it out.",
        "moderation": "Leave it out.",
    }

    def check(self) -> None:
        """What the types cannot say. Raises ApiError."""
        if self.function_call in ("none", "auto"):
            self.function_call = None
        if self.modalities == ["text"]:
            self.modalities = None
        self._check()
        self._check_tools()
        if self.response_format is not None:
            functions.check_format(self.response_format)
        if not self.messages:
            raise invalid("'messages' must hold at least one message.", "messages")
        if self.top_logprobs is not None and not self.logprobs:
            raise invalid("'top_logprobs' needs 'logprobs': true.", "top_logprobs")
        for index, message in enumerate(self.messages):
            check_message(message, f"messages[{index}]")

    def _check_tools(self) -> None:
        tools, choice = self.tools or [], self.tool_choice
        functions.check_tools(tools)
        if isinstance(choice, str) and choice not in ("none", "auto", "required"):
            raise invalid("'tool_choice' must be none, auto, required or a named function.", "tool_choice")
        if isinstance(choice, NamedTool):
            if choice.type != "function" or choice.function is None:
                raise unsupported("tool_choice", "Only a function can be named there.")
            name = choice.function.name
            if all(tool.function is None or tool.function.name != name for tool in tools):
                raise invalid("'tool_choice' must name one of 'tools'.", "tool_choice")
        elif choice == "required" and not tools:
            raise invalid("'tool_choice' asks for a call, but there are no 'tools'.", "tool_choice")

    @property
    def calls_tools(self) -> bool:
        """Whether the answer may hold tool calls."""
        return bool(self.tools) and self.tool_choice != "none"

    @property
    def answers_json(self) -> bool:
        """Whether the text of the answer is JSON."""
        if self.response_format is not None and self.response_format.type != "text":
            return True
        return self.structured_outputs is not None and self.structured_outputs.json is not None

    def parts(self) -> Iterator[tuple[str, str]]:
        """Every text with the part of the request that it is, as redaction policies name them."""
        yield from (("stop", text) for text in self._stops())
        for message in self.messages:
            route = _ROUTES.get(message.role, message.role)
            yield from ((route, text) for text in message_texts(message))
        yield from (("tools", text) for text in functions.tool_texts(self.tools or []))
        yield from (("tools", text) for text in functions.format_texts(self.response_format, self.structured_outputs))

    def operations(self, texts: list[str], request: str, workspace: str, lane: Lane) -> list[Generate]:
        left = iter(texts)
        stops = take(left, len(self._stops()))
        redacted = Texts(left)
        messages = [engine_message(message, redacted) for message in self.messages]
        tools = functions.engine_tools(self.tools or [], redacted)
        grammar = functions.engine_grammar(self.response_format, self.structured_outputs, redacted)
        named = (
            self.tool_choice.function.name
            if isinstance(self.tool_choice, NamedTool) and self.tool_choice.function
            else ""
        )
        logprobs = (self.top_logprobs or 0) if self.logprobs else None
        limit = self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens
        sampling = self._sampling(limit, stops, logprobs)
        return [
            Generate(
                request=request,
                workspace=workspace,
                model=self.model,
                messages=messages,
                sampling=sampling,
                lane=lane,
                stream=bool(self.stream),
                deterministic=bool(self.deterministic),
                grammar=grammar,
                tools=tools,
                tool_choice="required" if named else self.tool_choice or "auto",  # type: ignore[arg-type]  # `check` made it so
                tool=named,
                parallel_tool_calls=self.parallel_tool_calls is not False,
            )
        ]
