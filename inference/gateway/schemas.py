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

from inference.engine.protocol import Embed, Generate, Lane, Message, Sampling
from inference.gateway.errors import invalid, unsupported

MAX_CHOICES = 16
MAX_STOPS = 4
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
TopK = Annotated[int, Meta(ge=0)]
TopLogprobs = Annotated[int, Meta(ge=0, le=20)]
Logprobs = Annotated[int, Meta(ge=0, le=5)]


class StreamOptions(msgspec.Struct):
    include_usage: bool = False


class ContentPart(msgspec.Struct):
    type: str
    text: str | None = None


class ChatMessage(msgspec.Struct):
    role: str
    content: str | list[ContentPart] | None = None
    name: str | None = None
    tool_calls: Any = None
    function_call: Any = None


class SampledRequest(msgspec.Struct, kw_only=True):
    """What chat and completions share."""

    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    top_p: Fraction | None = None
    top_k: TopK | None = None
    seed: Seed | None = None
    n: Choices | None = None
    stop: str | list[str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: Any = None

    unsupported: ClassVar[dict[str, str]] = {
        "frequency_penalty": "Leave it out or send 0.",
        "presence_penalty": "Leave it out or send 0.",
        "logit_bias": "Leave it out.",
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
        )


class ChatRequest(SampledRequest, kw_only=True):
    messages: list[ChatMessage]
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    logprobs: bool | None = None
    top_logprobs: TopLogprobs | None = None
    tools: Any = None
    tool_choice: Any = None
    functions: Any = None
    function_call: Any = None
    response_format: Any = None
    modalities: Any = None
    audio: Any = None
    prediction: Any = None
    web_search_options: Any = None
    moderation: Any = None

    kind: ClassVar[str] = "chat"
    model_kind: ClassVar[str] = "chat"
    token_inputs: ClassVar[bool] = False
    unsupported: ClassVar[dict[str, str]] = SampledRequest.unsupported | {
        "tools": "This cell's models do not call tools; leave it out.",
        "functions": "This cell's models do not call functions; leave it out.",
        "response_format": "Only text answers are made; ask for the form you want in the prompt.",
        "modalities": "Only text goes in and comes out; leave it out.",
        "audio": "Only text goes in and comes out; leave it out.",
        "prediction": "Leave it out.",
        "web_search_options": "This cell reaches nothing outside it; leave it out.",
        "moderation": "Leave it out.",
    }

    def check(self) -> None:
        """What the types cannot say. Raises ApiError."""
        if self.response_format == {"type": "text"}:
            self.response_format = None
        if self.modalities == ["text"]:
            self.modalities = None
        self._check()
        if self.tool_choice not in (None, "none", "auto") or self.function_call not in (None, "none", "auto"):
            raise unsupported("tool_choice", "This cell's models do not call tools; leave it out.")
        if not self.messages:
            raise invalid("'messages' must hold at least one message.", "messages")
        if self.top_logprobs is not None and not self.logprobs:
            raise invalid("'top_logprobs' needs 'logprobs': true.", "top_logprobs")
        for index, message in enumerate(self.messages):
            _check_message(message, f"messages[{index}]")

    def texts(self) -> list[str]:
        texts = self._stops()[:]
        for message in self.messages:
            texts.append(_content(message))
            if message.name is not None:
                texts.append(message.name)
        return texts

    def operations(self, texts: list[str], request: str, workspace: str, lane: Lane) -> list[Generate]:
        left = iter(texts)
        stops = _take(left, len(self._stops()))
        messages = [
            Message(
                "system" if message.role == "developer" else message.role,
                next(left),
                None if message.name is None else next(left),
            )
            for message in self.messages
        ]
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

    def texts(self) -> list[str]:
        return self._stops() + [prompt for prompt in self.prompt if isinstance(prompt, str)]

    def operations(self, texts: list[str], request: str, workspace: str, lane: Lane) -> list[Generate]:
        left = iter(texts)
        stops = _take(left, len(self._stops()))
        limit = COMPLETION_TOKENS if self.max_tokens is None else self.max_tokens
        sampling = self._sampling(limit, stops, self.logprobs)
        return [
            Generate(
                request=request,
                workspace=workspace,
                model=self.model,
                prompt=next(left) if isinstance(prompt, str) else prompt,  # type: ignore[arg-type]  # `check` made it so
                sampling=sampling,
                lane=lane,
                stream=bool(self.stream),
                echo=bool(self.echo),
            )
            for prompt in self.prompt
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


def _check_message(message: ChatMessage, where: str) -> None:
    if message.role in ("tool", "function") or message.tool_calls or message.function_call:
        raise unsupported(where, "This cell's models do not call tools; leave such messages out.")
    if message.role not in ("system", "developer", "user", "assistant"):
        raise invalid(f"'{where}.role' must be system, developer, user or assistant.", f"{where}.role")
    if message.content is None and message.role != "assistant":
        raise invalid(f"'{where}.content' must be text.", f"{where}.content")
    if isinstance(message.content, list):
        for index, part in enumerate(message.content):
            if part.type != "text" or part.text is None:
                raise unsupported(f"{where}.content[{index}]", "Only parts of type 'text' are understood.")


def _content(message: ChatMessage) -> str:
    content = message.content
    if content.__class__ is str:
        return content
    return "".join(part.text or "" for part in content) if content else ""  # type: ignore[union-attr]


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
