"""A decoder at work: from plan over network and sampler to events. For the step thread alone."""

from __future__ import annotations

from inference.engine.blocks import BlockPool, blocks_for
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.errors import Refusal, nonfinite
from inference.engine.protocol import EngineError, TokenLogprob
from inference.engine.request import Choice, Generation, State
from inference.engine.sampler import Counts, Draw, Drawn, Penalties, sample
from inference.engine.scheduler import Chunk, Limits, Scheduler
from inference.engine.tokenizer import Tokenizer
from inference.engine.worker import Worker


class DecoderWorker(Worker[Generation]):
    def __init__(self, runner: DecoderRunner, tokenizer: Tokenizer, limits: Limits, *, cache_bytes: int) -> None:
        """The cache holds every running answer at full length if `cache_bytes` allows, and one such answer in any case."""
        longest = blocks_for(runner.config.max_tokens)
        affordable = max(longest, cache_bytes // runner.block_bytes())
        blocks = min(limits.max_running * longest, affordable) + 1
        self._runner = runner
        self._runner.reserve(blocks)
        self._tokenizer = tokenizer
        self.sampled = Counts()
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
            drawn = sample(logits if len(rows) == len(logits) else logits[rows], draws, self.sampled)
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


def _draw(generation: Generation, choice: Choice) -> Draw:
    sampling = generation.sampling
    penalties = None
    if choice.history is not None:
        penalties = Penalties(
            sampling.presence_penalty, sampling.frequency_penalty, sampling.repetition_penalty, choice.history
        )
    return Draw(
        sampling.temperature,
        sampling.top_k,
        sampling.top_p,
        generation.uniform(choice),
        sampling.logprobs,
        sampling.min_p,
        sampling.logit_bias or None,
        penalties,
        choice.matcher,
    )
