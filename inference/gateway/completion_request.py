"""Bodies of `/v1/completions`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from inference.engine.lanes import Lane
from inference.engine.protocol import Generate
from inference.gateway import functions
from inference.gateway.errors import invalid
from inference.gateway.functions import Texts
from inference.gateway.inputs import as_inputs
from inference.gateway.sampled_request import Logprobs, SampledRequest, TokenId, Tokens, take

MAX_PROMPTS = 32
COMPLETION_TOKENS = 16
"""`max_tokens` of /v1/completions where none is given, as OpenAI has it."""


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
        self.prompt = as_inputs(self.prompt, "prompt", MAX_PROMPTS)
        if self.max_tokens == 0 and not self.echo:
            raise invalid("'max_tokens' must be at least 1 unless 'echo' is true.", "max_tokens")

    @property
    def token_inputs(self) -> bool:
        return not isinstance(self.prompt[0], str)

    @property
    def answers_json(self) -> bool:
        """Whether the text of the answer is JSON."""
        return self.structured_outputs is not None and self.structured_outputs.json is not None

    def parts(self) -> Iterator[tuple[str, str]]:
        """Every text with the part of the request that it is, as redaction policies name them."""
        yield from (("prompt", text) for text in self._stops())
        yield from (("prompt", prompt) for prompt in self.prompt if isinstance(prompt, str))
        yield from (("tools", text) for text in functions.format_texts(None, self.structured_outputs))

    def operations(self, texts: list[str], request: str, workspace: str, lane: Lane) -> list[Generate]:
        left = iter(texts)
        stops = take(left, len(self._stops()))
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
