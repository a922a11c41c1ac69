"""One model at work: from plan over network and sampler to events. For the step thread alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

from inference.engine.blocks import BlockPool, blocks_for
from inference.engine.embedding_queue import EmbeddingQueue, Text
from inference.engine.errors import Refusal
from inference.engine.protocol import Embedded, EngineError, TokenLogprob
from inference.engine.request import Choice, Embedding, Generation, Request, State
from inference.engine.runner import DecoderRunner, EncoderRunner
from inference.engine.sampler import Draw, Drawn, sample
from inference.engine.scheduler import Chunk, Limits, Scheduler
from inference.engine.tokenizer import Tokenizer

R = TypeVar("R", bound=Request)


class Worker(ABC, Generic[R]):
    """What the step thread needs of a model, whatever it computes."""

    generated_tokens = 0

    @property
    @abstractmethod
    def running(self) -> int: ...

    @property
    @abstractmethod
    def waiting(self) -> int: ...

    @abstractmethod
    def submit(self, request: R, now: float) -> None:
        """Queues a request; one that cannot be queued ends here with its error."""

    @abstractmethod
    def cancel(self, request: R, error: EngineError | None) -> None:
        """Frees all a request holds and ends it, with `error` if one is given. Does nothing once it has ended."""

    def pause(self, request: R, paused: bool) -> None:
        """Leaves a streaming request out of the steps, or takes it in again."""

    @abstractmethod
    def step(self, now: float) -> bool:
        """Computes one batch; False when there was nothing to compute."""

    @abstractmethod
    def abandon(self, error: EngineError) -> None:
        """Ends every request that the failed step may have touched with `error`; what only waits stays in the queue."""


@dataclass(frozen=True, slots=True)
class Job(Generic[R]):
    """A request and the model that answers it."""

    worker: Worker[R]
    request: R

    def submit(self, now: float) -> None:
        self.worker.submit(self.request, now)

    def cancel(self, error: EngineError | None) -> None:
        self.worker.cancel(self.request, error)

    def pause(self, paused: bool) -> None:
        self.worker.pause(self.request, paused)


class DecoderWorker(Worker[Generation]):
    def __init__(self, runner: DecoderRunner, tokenizer: Tokenizer, limits: Limits, *, cache_bytes: int) -> None:
        """The cache holds every running answer at full length if `cache_bytes` allows, and one such answer in any case."""
        longest = blocks_for(runner.config.max_tokens)
        affordable = max(longest, cache_bytes // runner.block_bytes())
        blocks = min(limits.max_running * longest, affordable) + 1
        self._runner = runner
        self._runner.reserve(blocks)
        self._tokenizer = tokenizer
        self._scheduler = Scheduler(limits, BlockPool(blocks))

    @property
    def running(self) -> int:
        return self._scheduler.running

    @property
    def waiting(self) -> int:
        return self._scheduler.waiting

    def submit(self, request: Generation, now: float) -> None:
        if request.state is State.RECEIVED:
            try:
                self._scheduler.submit(request, now)
            except Refusal as refusal:
                request.finish(refusal.error)

    def cancel(self, request: Generation, error: EngineError | None) -> None:
        self._runner.wipe_blocks(self._scheduler.remove(request))
        if error is None:
            request.cancel()
        else:
            request.finish(error)

    def pause(self, request: Generation, paused: bool) -> None:
        request.paused = paused

    def step(self, now: float) -> bool:
        chunks = self._scheduler.plan(now)
        if not chunks:
            return False
        logits = self._runner.step(chunks)
        sampled: list[tuple[Generation, Choice]] = []
        rows: list[int] = []
        for row, chunk in enumerate(chunk for chunk in chunks if chunk.samples):
            choices = self._sampled_choices(chunk)
            sampled += [(chunk.generation, choice) for choice in choices]
            rows += [row] * len(choices)
        for chunk in chunks:
            self._scheduler.advance(chunk)
        if sampled:
            draws = [_draw(generation, choice) for generation, choice in sampled]
            drawn = sample(logits if len(rows) == len(logits) else logits[rows], draws)
            for (generation, choice), result in zip(sampled, drawn, strict=True):
                self._accept(generation, choice, result, now)
        return True

    def abandon(self, error: EngineError) -> None:
        for generation in self._scheduler.generations():
            self.cancel(generation, error)

    def _sampled_choices(self, chunk: Chunk) -> list[Choice]:
        """The choices that draw from the chunk's logits: all of the request's when its prompt has just been computed."""
        generation = chunk.generation
        if generation.sampling.n == 1 or len(generation.choices) > 1:
            return [chunk.choice]
        self._runner.copy_blocks(self._scheduler.fork(generation))
        return list(generation.choices)

    def _accept(self, generation: Generation, choice: Choice, drawn: Drawn, now: float) -> None:
        if generation.state is State.FINISHED:
            return  # another choice of the request has just ended it with an error
        if drawn.token is None:
            self.cancel(generation, nonfinite("prompt"))
            return
        self.generated_tokens += 1
        logprob = None if generation.sampling.logprobs is None else self._logprob(drawn)
        delta = choice.accept(drawn.token, logprob)
        if delta is not None:
            generation.publish(choice, delta)
        if choice.finish_reason is not None:
            self._runner.wipe_blocks(self._scheduler.release(generation, choice, now))
            if all(other.finish_reason is not None for other in generation.choices):
                generation.complete()

    def _logprob(self, drawn: Drawn) -> TokenLogprob:
        def report(token: int, logprob: float) -> TokenLogprob:
            text, raw = self._tokenizer.token_text(token)
            return TokenLogprob(text, token, logprob, list(raw))

        chosen = report(drawn.token or 0, drawn.logprob)
        chosen.top = [report(token, logprob) for token, logprob in drawn.top]
        return chosen


class EncoderWorker(Worker[Embedding]):
    def __init__(self, runner: EncoderRunner) -> None:
        self._runner = runner
        self._queue = EmbeddingQueue()
        self._batch: list[Text] = []
        """What the step in progress computes."""

    @property
    def running(self) -> int:
        return 0  # a batch begins and ends within one step

    @property
    def waiting(self) -> int:
        return self._queue.waiting

    def submit(self, request: Embedding, now: float) -> None:
        if request.state is State.RECEIVED:
            try:
                self._queue.submit(request)
            except Refusal as refusal:
                request.finish(refusal.error)

    def cancel(self, request: Embedding, error: EngineError | None) -> None:
        self._queue.remove(request)
        if error is None:
            request.cancel()
        else:
            request.finish(error)

    def step(self, now: float) -> bool:
        self._batch = batch = self._queue.next_batch()
        if not batch:
            return False
        vectors = self._runner.embed([text.ids for text in batch], [text.embedding.dimensions for text in batch])
        for text, vector in zip(batch, vectors, strict=True):
            self._accept(text, vector)
        self._batch = []
        return True

    def abandon(self, error: EngineError) -> None:
        batch, self._batch = self._batch, []
        for text in batch:
            self.cancel(text.embedding, error)

    def _accept(self, text: Text, vector: bytes | None) -> None:
        embedding = text.embedding
        if embedding.state is State.FINISHED:
            return  # another text of the request has just ended it with an error
        if vector is None:
            self.cancel(embedding, nonfinite("text"))
            return
        embedding.vectors[text.position] = vector
        embedding.missing -= 1
        if embedding.missing == 0:
            data = b"".join(vector for vector in embedding.vectors if vector is not None)
            size = embedding.dimensions or self._runner.config.hidden_size
            embedding.finish(Embedded(embedding.prompt_tokens, size, data))


def nonfinite(what: str) -> EngineError:
    return EngineError(
        500,
        "nonfinite_output",
        f"the model's output for this {what} was not finite; try another {what} or another model",
    )


def _draw(generation: Generation, choice: Choice) -> Draw:
    sampling = generation.sampling
    return Draw(sampling.temperature, sampling.top_k, sampling.top_p, generation.uniform(choice), sampling.logprobs)


AnyWorker = DecoderWorker | EncoderWorker
AnyJob = Job[Generation] | Job[Embedding]
