"""What chat and completions have in common: how an answer is drawn, where it ends, what form it has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from cell.pseudonyms import LONGEST_SUBJECT
from inference.engine.protocol import Sampling
from inference.gateway import functions
from inference.gateway.errors import invalid, unsupported
from inference.gateway.functions import StructuredOutputs

MAX_CHOICES = 16
MAX_STOPS = 4
MAX_BIASES = 300

Tokens = Annotated[int, Meta(ge=0)]
SubjectName = Annotated[str, Meta(max_length=LONGEST_SUBJECT, pattern=r"^[^\x00]*$")]
"""Nothing that an export or an erasure could not name: neither of the two takes a NUL."""
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
    user: SubjectName | None = None
    safety_identifier: SubjectName | None = None
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


def take(texts: Iterator[str], count: int) -> list[str]:
    """The next `count` of them."""
    return [next(texts) for _ in range(count)]
