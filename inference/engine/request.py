"""The life of a request: RECEIVED, QUEUED, RUNNING, FINISHED, with exactly one terminal event. Imports no torch.

A request is made by the thread that talks to the gateway and from then on touched by the step thread alone; what comes out
goes through its `Sink`.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b
from itertools import islice
from typing import Any, Protocol

from inference.engine import protocol
from inference.engine.history import History
from inference.engine.lanes import Lane
from inference.engine.matcher import CompiledGrammar, Matcher
from inference.engine.passages import Passages, Read
from inference.engine.prefix import Chain
from inference.engine.protocol import (
    CacheScope,
    Delta,
    Embedded,
    EngineError,
    FinishReason,
    Generated,
    Result,
    Tagged,
    Timings,
    TokenLogprob,
)
from inference.engine.receipts import Scope
from inference.engine.stops import StopScanner
from inference.engine.tokenizer import TextStream, Tokenizer
from inference.engine.window import Preset

FLOAT_BYTES = 4
EXPECTED_ANSWER = 256
"""Tokens of an answer that room is kept for; longer ones take more as they grow."""


class State(Enum):
    RECEIVED = "received"
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"


class Sink(Protocol):
    """Where the events of one request go. Called by the step thread; must not block."""

    def send(self, deltas: list[Delta]) -> None:
        """Pieces of a streaming answer."""

    def finish(self, outcome: Result | EngineError) -> None:
        """The terminal event; called exactly once, and nothing is called after it."""


@dataclass(slots=True, eq=False)
class Request(ABC):
    """What every request has, whatever it asks for."""

    workspace: str
    lane: Lane
    sink: Sink
    request: str = ""
    """The request's id, by which an erasure finds it."""
    key: str = ""
    subject: str = ""
    weight: float = 1.0
    version: str = ""
    """Of the weights that answer, for the result."""
    deadline: float | None = None
    """Time on the engine's monotonic clock after which the answer is of no use."""
    state: State = field(default=State.RECEIVED, init=False)
    queued_at: float = field(default=0.0, init=False)
    """On the engine's monotonic clock, as the next one."""
    scheduled_at: float | None = field(default=None, init=False)
    """When a step took it up for the first time."""

    def finish(self, outcome: Result | EngineError) -> None:
        """Sends the terminal event, once: later calls do nothing, because cancel and completion may meet."""
        if self.state is not State.FINISHED:
            self.state = State.FINISHED
            self.wipe()
            self.sink.finish(outcome)

    @abstractmethod
    def cancel(self) -> None:
        """Ends it because nobody wants the answer any more."""

    @abstractmethod
    def wipe(self) -> None:
        """Drops the prompt and the answer from memory."""

    def is_of(self, scope: Scope) -> bool:
        return scope.covers(self.workspace, self.key, self.subject, self.request)


@dataclass(slots=True, eq=False)
class Choice:
    """One answer in the making."""

    index: int
    tokens: list[int]
    """The prompt's ids, then the answer's."""
    limit: int
    """The answer ends when `tokens` is this long."""
    text: TextStream
    stops: StopScanner
    stop_ids: frozenset[int]
    computed: int = 0
    """How many of `tokens` have their keys and values in the cache."""
    blocks: list[int] = field(default_factory=list)
    promised: int = 0
    """Blocks that were set aside for it when it was admitted and that it has not taken yet."""
    chain: Chain | None = None
    """Digests of its full blocks; None when nothing of it is kept."""
    published: int = 0
    """How many of its blocks the index knows."""
    paid: int = 0
    """How many of `tokens` were charged for: what is computed again after a preemption is free."""
    prefix: str = ""
    """Text that goes out before the answer's own."""
    generated: int = 0
    finish_reason: FinishReason | None = None
    kept: list[Delta] = field(default_factory=list)
    """The answer so far, when the request does not stream."""
    matcher: Matcher | None = None
    """Its place in the grammar it follows; moves with what is drawn, never with what is computed again."""
    history: History | None = None
    """The tokens it has met, where penalties ask for them."""
    _logprobs: list[TokenLogprob] = field(default_factory=list)
    _unsent: int = 0

    def accept(self, token: int, logprob: TokenLogprob | None) -> Delta | None:
        """Takes the next token; what it makes visible, if anything. Sets `finish_reason` when the answer ends here."""
        self.tokens.append(token)
        self.generated += 1
        self._unsent += 1
        if self.history is not None:
            self.history.add(token)
        matcher = self.matcher
        ended = token in self.stop_ids or (matcher is not None and token == matcher.end)
        met = False
        piece = ""
        if not ended:
            if logprob is not None:
                self._logprobs.append(logprob)
            piece, met = self.stops.push(self.text.push(token))
        if met:
            self.finish_reason = "stop"
        elif ended or len(self.tokens) >= self.limit or (matcher is not None and matcher.ended):
            rest, met = self.stops.push(self.text.flush())
            piece += rest if met else rest + self.stops.flush()
            self.finish_reason = "stop" if met else self._reason(ended)
        return self._delta(piece) if piece or self.finish_reason else None

    def _reason(self, ended: bool) -> FinishReason:
        if self.matcher is not None:
            return self.matcher.reason
        return "stop" if ended else "length"

    def end(self, reason: FinishReason) -> Delta:
        """Ends the answer from outside, giving out no more text."""
        self.finish_reason = reason
        return self._delta("")

    def _delta(self, piece: str) -> Delta:
        logprobs, self._logprobs = self._logprobs, []
        tokens, self._unsent = self._unsent, 0
        prefix, self.prefix = self.prefix, ""
        return Delta(self.index, prefix + piece, tokens, self.finish_reason, logprobs or None)

    def answer(self) -> protocol.Choice:
        """The kept deltas as one."""
        logprobs = [logprob for delta in self.kept for logprob in delta.logprobs or ()]
        text = "".join(delta.text for delta in self.kept)
        return protocol.Choice(self.index, text, self.finish_reason or "error", logprobs or None)


@dataclass(slots=True, eq=False, kw_only=True)
class Generation(Request):
    """A prompt and its `n` answers. The first choice computes the prompt; the others fork from it."""

    tokenizer: Tokenizer
    prompt: list[int]
    max_tokens: int
    """Longest answer, already clamped to the model."""
    sampling: protocol.Sampling
    seed: int
    stream: bool
    echo: str = ""
    """Text that every answer begins with."""
    deterministic: bool = False
    """The same bits alone and in company."""
    stop_ids: frozenset[int]
    cache: CacheScope = "workspace"
    queued_tokens: int | None = None
    """The workspace's own bound of what waits, if it is tighter than the engine's."""
    grammar: CompiledGrammar | None = None
    choices: list[Choice] = field(default_factory=list)
    prompt_tokens: int = field(default=0, init=False)
    cached_tokens: int = field(default=0, init=False)
    """Tokens of the prompt that were found in the cache."""
    first_token_at: float | None = field(default=None, init=False)
    paused: bool = field(default=False, init=False)
    """The reader is slow: no steps until it catches up."""

    def __post_init__(self) -> None:
        self.prompt_tokens = len(self.prompt)

    @property
    def longest(self) -> int:
        """Most tokens one choice can come to."""
        return self.prompt_tokens + self.max_tokens

    @property
    def generated(self) -> int:
        return sum(choice.generated for choice in self.choices)

    @property
    def expected_tokens(self) -> int:
        """What it is taken to cost while it waits: most answers end long before `max_tokens`."""
        return self.prompt_tokens + self.sampling.n * min(self.max_tokens, EXPECTED_ANSWER)

    @property
    def unfinished(self) -> list[Choice]:
        return [choice for choice in self.choices if choice.finish_reason is None]

    def add_choice(self, blocks: list[int], computed: int) -> Choice:
        """The next choice, on `blocks` of which `computed` tokens are filled."""
        sampling = self.sampling
        history = None
        if sampling.repetition_penalty != 1.0:
            history = History(self.prompt)
        elif sampling.presence_penalty or sampling.frequency_penalty:
            history = History()
        choice = Choice(
            index=len(self.choices),
            tokens=list(self.prompt),
            limit=self.longest,
            text=TextStream(self.tokenizer, self.prompt),
            stops=StopScanner(self.sampling.stop),
            stop_ids=self.stop_ids,
            computed=computed,
            blocks=blocks,
            prefix=self.echo,
            matcher=None if self.grammar is None else self.grammar.matcher(self.max_tokens),
            history=history,
        )
        self.choices.append(choice)
        return choice

    def uniform(self, choice: Choice) -> float:
        """The number in [0, 1) that draws the choice's next token.

        A function of seed, choice and position alone, so that an answer does not depend on who shares the batch.
        """
        counter = struct.pack("<QII", self.seed & 0xFFFF_FFFF_FFFF_FFFF, choice.index, choice.generated)
        # 53 bits: one more and the division could round up to 1.
        return (int.from_bytes(blake2b(counter, digest_size=8).digest(), "little") >> 11) / (1 << 53)

    def publish(self, choice: Choice, delta: Delta) -> None:
        """Sends the delta on when the request streams, and keeps it for the end otherwise."""
        if self.stream:
            self.sink.send([delta])
        else:
            choice.kept.append(delta)

    def complete(self, at: float | None = None) -> None:
        """Sends the terminal event of a request all of whose choices have a finish reason; `at` is when it gave its last token,
        None if it was ended before."""
        self.finish(
            Generated(
                self.prompt_tokens,
                self.generated,
                [] if self.stream else [choice.answer() for choice in self.choices],
                self.cached_tokens,
                self.version,
                None if at is None else self._timings(at),
            )
        )

    def _timings(self, at: float) -> Timings | None:
        scheduled, first = self.scheduled_at, self.first_token_at
        if scheduled is None or first is None:
            return None
        return Timings(scheduled - self.queued_at, first - scheduled, at - first)

    def cancel(self, reason: FinishReason = "cancelled") -> None:
        """Ends every unfinished choice for the reason and sends the terminal event with what was used."""
        for choice in self.unfinished:
            self.publish(choice, choice.end(reason))
        self.complete()

    def wipe(self) -> None:
        self.prompt = []
        self.echo = ""
        self.grammar = None
        for choice in self.choices:
            choice.tokens = []
            choice.kept = []
            choice.chain = None
            choice.matcher = None
            choice.history = None


@dataclass(slots=True, eq=False, kw_only=True)
class Texts(Request):
    """Texts that are computed each by itself; `parts` fill in any order and the answer goes out when all are there."""

    inputs: list[list[int]]
    preset: Preset | None = None
    """The workspace's batching preset; None leaves the deployment's."""
    prompt_tokens: int = field(default=0, init=False)
    parts: list[Any] = field(default_factory=list, init=False)
    """What the encoder's runner gives for each text; None until then."""
    missing: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.prompt_tokens = sum(len(ids) for ids in self.inputs)
        self.parts = [None] * len(self.inputs)
        self.missing = len(self.inputs)

    @abstractmethod
    def answer(self, timings: Timings) -> Result:
        """What all parts come to."""

    def cancel(self) -> None:
        self.finish(EngineError(status=499, code="cancelled", message="the request was cancelled"))

    def wipe(self) -> None:
        self.inputs = []
        self.parts = []


@dataclass(slots=True, eq=False, kw_only=True)
class Embedding(Texts):
    """Texts to embed; a part is a vector's bytes."""

    dimensions: int | None

    def answer(self, timings: Timings) -> Embedded:
        size = len(self.parts[0]) // FLOAT_BYTES
        return Embedded(self.prompt_tokens, size, b"".join(self.parts), self.version, timings)


@dataclass(slots=True, eq=False, kw_only=True)
class Tagging(Texts):
    """Texts whose tokens get scores; `inputs` are their passages, a part is a passage's logits [tokens, labels]."""

    passages: Passages
    reads: list[Read]
    labels: list[str]

    def answer(self, timings: Timings) -> Tagged:
        parts = iter(self.parts)
        rows = [self.passages.join(read, list(islice(parts, len(read.passages)))) for read in self.reads]
        return Tagged(
            self.prompt_tokens,
            self.labels,
            [len(read.places) for read in self.reads],
            b"".join(each.tobytes() for each in rows),
            b"".join(read.places.tobytes() for read in self.reads),
            self.version,
            timings,
        )

    def wipe(self) -> None:
        super(Tagging, self).wipe()
        self.reads = []
