"""What callers may send: OpenAI's request bodies as msgspec structs, and the engine's operations made from them.

A field that is not listed is ignored, as OpenAI's own clients send hints a server may not know. A parameter that would change
the answer and is not built is refused by name. `texts` gives everything the caller wrote in free text, in a fixed order, for
redaction; `operations` takes the redacted texts back in the same order, so that nothing else can reach the engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from inference.engine.lanes import Lane
from inference.engine.protocol import Embed, Generate, Sampling
from inference.gateway import functions
from inference.gateway.errors import invalid, unsupported
from inference.gateway.functions import (
    NamedTool,
    ResponseFormat,
    StructuredOutputs,
    Texts,
    ToolDefinition,
)
from inference.gateway.messages import ChatMessage, check_message, engine_message, message_texts

MAX_CHOICES = 16
MAX_STOPS = 4
MAX_BIASES = 300
MAX_PROMPTS = 32
MAX_INPUTS = 2048
COMPLETION_TOKENS = 16
"""`max_tokens` of /v1/completions where none is given, as OpenAI has it."""

Tokens = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
TokenId = Annotated[int, Meta(ge=0, lt=1 << 31)]
Seed = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
Choices = Annotated[int, Meta(ge=1, le=MAX_CHOICES)]
Temperature = Annotated[float, Meta(ge=0, le=2)]
Fraction = Annotated[float, Meta(gt=0, le=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Repetition = Annotated[float, Meta(gt=0, le=100)]
Bias = Annotated[float, Meta(ge=-100, le=100)]
TopK = Annotated[int, Meta(ge=0)]
TopLogprobs = Annotated[int, Meta(ge=0, le=20)]
Logprobs = Annotated[int, Meta(ge=0, le=5)]


class StreamOptions(msgspec.Struct):
    include_usage: bool = False


class SampledRequest(msgspec.Struct, kw_only=True):
    """What chat and completions share."""

    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    top_p: Fraction | None = None
    top_k: TopK | None = None
    seed: Seed | None = None
    deterministic: bool | None = None
    n: Choices | None = None
    stop: str | list[str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    min_p: Share | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    repetition_penalty: Repetition | None = None
    logit_bias: dict[str, Bias] | None = None
    structured_outputs: StructuredOutputs | None = None
    guided_json: Any = None
    guided_regex: Any = None
    guided_choice: Any = None
    guided_grammar: Any = None

    unsupported: ClassVar[dict[str, str]] = {
        "guided_json": "Use 'response_format' or 'structured_outputs'.",
        "guided_regex": "Use 'structured_outputs'.",
        "guided_choice": "Use 'structured_outputs'.",
        "guided_grammar": "Use 'response_format' or 'structured_outputs'.",
    }

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    def _stops(self) -> list[str]:
        stop = self.stop
        return [] if not stop else [stop] if isinstance(stop, str) else stop

    def _check(self) -> None:
        for name, hint in self.unsupported.items():
            # 0, "", [], {}, null and false ask for nothing.
            if getattr(self, name):
                raise unsupported(name, hint)
        stops = self._stops()
        if len(stops) > MAX_STOPS:
            raise invalid(f"'stop' may have at most {MAX_STOPS} sequences.", "stop")
        if "" in stops:
            raise invalid("A stop sequence must not be empty.", "stop")
        if self.stream_options is not None and not self.stream:
            raise invalid("'stream_options' is allowed only when 'stream' is true.", "stream_options")
        if self.logit_bias:
            if len(self.logit_bias) > MAX_BIASES:
                raise invalid(f"'logit_bias' may name at most {MAX_BIASES} tokens.", "logit_bias")
            if not all(token.isdecimal() and len(token) < 10 for token in self.logit_bias):
                raise invalid("'logit_bias' must name tokens by their ids.", "logit_bias")
        if self.structured_outputs is not None:
            functions.check_structured(self.structured_outputs)

    def _sampling(self, max_tokens: int | None, stops: list[str], logprobs: int | None) -> Sampling:
        return Sampling(
            max_tokens=max_tokens,
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            top_k=self.top_k or 0,
            seed=self.seed,
            n=self.n or 1,
            stop=stops,
            logprobs=logprobs,
            min_p=self.min_p or 0.0,
            presence_penalty=self.presence_penalty or 0.0,
            frequency_penalty=self.frequency_penalty or 0.0,
            repetition_penalty=1.0 if self.repetition_penalty is None else self.repetition_penalty,
            logit_bias={int(token): bias for token, bias in (self.logit_bias or {}).items()},
        )


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

    def texts(self) -> list[str]:
        texts = self._stops()[:]
        for message in self.messages:
            texts += message_texts(message)
        texts += functions.tool_texts(self.tools or [])
        texts += functions.format_texts(self.response_format, self.structured_outputs)
        return texts

    def routes(self) -> list[str]:
        """Which part of the request each of `texts` is, as redaction policies name them."""
        routes = ["stop"] * len(self._stops())
        for message in self.messages:
            routes += [_ROUTES.get(message.role, message.role)] * len(list(message_texts(message)))
        routes += ["tools"] * len(list(functions.tool_texts(self.tools or [])))
        routes += ["tools"] * len(list(functions.format_texts(self.response_format, self.structured_outputs)))
        return routes

    def operations(self, texts: list[str], request: str, workspace: str, lane: Lane) -> list[Generate]:
        left = iter(texts)
        stops = _take(left, len(self._stops()))
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


class CompletionRequest(SampledRequest, kw_only=True):
    prompt: str | list[str | TokenId | list[TokenId]]
    max_tokens: Tokens | None = None
    echo: bool | None = None
    logprobs: Logprobs | None = None
    suffix: str | None = None
    best_of: int | None = None

    kind: ClassVar[str] = "completion"
    calls_tools: ClassVar[bool] = False
    model_kind: ClassVar[str] = "chat"
    unsupported: ClassVar[dict[str, str]] = SampledRequest.unsupported | {
        "suffix": "Leave it out.",
        "best_of": "Use 'n'.",
    }

    def check(self) -> None:
        """What the types cannot say. Raises ApiError."""
        if self.best_of in (1, self.n):
            self.best_of = None
        self._check()
        self.prompt = _inputs(self.prompt, "prompt", MAX_PROMPTS)
        if self.max_tokens == 0 and not self.echo:
            raise invalid("'max_tokens' must be at least 1 unless 'echo' is true.", "max_tokens")

    @property
    def token_inputs(self) -> bool:
        return not isinstance(self.prompt[0], str)

    @property
    def answers_json(self) -> bool:
        """Whether the text of the answer is JSON."""
        return self.structured_outputs is not None and self.structured_outputs.json is not None

    def texts(self) -> list[str]:
        prompts = [prompt for prompt in self.prompt if isinstance(prompt, str)]
        return self._stops() + prompts + list(functions.format_texts(None, self.structured_outputs))

    def routes(self) -> list[str]:
        """Which part of the request each of `texts` is, as redaction policies name them."""
        formats = len(list(functions.format_texts(None, self.structured_outputs)))
        return ["prompt"] * (len(self.texts()) - formats) + ["tools"] * formats

    def operations(self, texts: list[str], request: str, workspace: str, lane: Lane) -> list[Generate]:
        left = iter(texts)
        stops = _take(left, len(self._stops()))
        limit = COMPLETION_TOKENS if self.max_tokens is None else self.max_tokens
        sampling = self._sampling(limit, stops, self.logprobs)
        prompts = [next(left) if isinstance(prompt, str) else prompt for prompt in self.prompt]
        grammar = functions.engine_grammar(None, self.structured_outputs, Texts(left))
        return [
            Generate(
                request=request,
                workspace=workspace,
                model=self.model,
                prompt=prompt,  # type: ignore[arg-type]  # `check` made it so
                sampling=sampling,
                lane=lane,
                stream=bool(self.stream),
                echo=bool(self.echo),
                deterministic=bool(self.deterministic),
                grammar=grammar,
            )
            for prompt in prompts
        ]


class EmbeddingRequest(msgspec.Struct, kw_only=True):
    model: str
    input: str | list[str | TokenId | list[TokenId]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Positive | None = None
    user: str | None = None
    safety_identifier: str | None = None

    kind: ClassVar[str] = "embedding"
    model_kind: ClassVar[str] = "embedding"
    stream: ClassVar[bool] = False

    def check(self) -> None:
        """What the types cannot say. Raises ApiError."""
        self.input = _inputs(self.input, "input", MAX_INPUTS)
        if "" in self.input:
            raise invalid("An input must not be empty.", "input")

    @property
    def token_inputs(self) -> bool:
        return not isinstance(self.input[0], str)

    def texts(self) -> list[str]:
        return [item for item in self.input if isinstance(item, str)]

    def routes(self) -> list[str]:
        """Which part of the request each of `texts` is, as redaction policies name them."""
        return ["input"] * len(self.input)

    def operations(self, texts: list[str], request: str, workspace: str, lane: Lane) -> list[Embed]:
        inputs: Any = texts if not self.token_inputs else self.input
        return [
            Embed(
                request=request,
                workspace=workspace,
                model=self.model,
                inputs=inputs,
                dimensions=self.dimensions,
                lane=lane,
            )
        ]


InferenceRequest = ChatRequest | CompletionRequest | EmbeddingRequest


def _inputs(given: str | list[Any], param: str, most: int) -> list[Any]:
    """One text, many texts, one token list or many token lists, as a list of texts or of token lists."""
    if isinstance(given, str):
        return [given]
    if not given:
        raise invalid(f"'{param}' must not be empty.", param)
    first = type(given[0])
    if any(type(item) is not first for item in given):
        raise invalid(f"'{param}' must be all texts or all token ids.", param)
    if first is int:
        return [given]
    if len(given) > most:
        raise invalid(f"'{param}' may hold at most {most} items. Send several requests.", param)
    if [] in given:
        raise invalid(f"An item of '{param}' must not be empty.", param)
    return given


def _take(texts: Iterator[str], count: int) -> list[str]:
    return [next(texts) for _ in range(count)]
