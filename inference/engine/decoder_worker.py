"""A decoder at work: from plan over network and sampler to events. For the step thread alone."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import torch

from inference.engine.admission import Limits
from inference.engine.blocks import BlockPool, blocks_for
from inference.engine.decoder_runner import DecoderRunner
from inference.engine.errors import DEADLINE, ERASED, Refusal, nonfinite
from inference.engine.fairqueue import FairQueue
from inference.engine.lanes import LANES
from inference.engine.prefix import PrefixIndex
from inference.engine.probe import Probe
from inference.engine.protocol import EngineError, TokenLogprob
from inference.engine.receipts import Scope
from inference.engine.request import Choice, Generation, State
from inference.engine.sampler import Counts, Draw, Drawn, Penalties, sample
from inference.engine.scheduler import Chunk, Scheduler
from inference.engine.stats import LaneStats, ModelStats
from inference.engine.tokenizer import Tokenizer
from inference.engine.worker import SAMPLED_BLOCKS, Found, Wiped, Worker

if TYPE_CHECKING:  # what compiles is imported where somebody asks for it
    from inference.engine.compiled_runner import CompiledRunner

_PIECE = 256
"""Tokens that a replay computes at once."""
_CACHED_OVER_RUNNING = 4
"""The cache need not hold more than this many times what can run at once."""


class DecoderWorker(Worker[Generation]):
    def __init__(
        self,
        runner: DecoderRunner | CompiledRunner,
        tokenizer: Tokenizer,
        limits: Limits,
        *,
        cache_bytes: int,
        queue: type[FairQueue] = FairQueue,
    ) -> None:
        """The cache holds every running answer at full length if `cache_bytes` allows, and one such answer in any case."""
        super().__init__()
        longest = blocks_for(runner.config.max_tokens)
        affordable = max(longest, cache_bytes // runner.store.block_bytes)
        blocks = min(_CACHED_OVER_RUNNING * limits.max_running * longest, affordable) + 1
        self._runner = runner
        self._runner.reserve(blocks)
        self._tokenizer = tokenizer
        self._pool = BlockPool(blocks, PrefixIndex(int(limits.cache_share * (blocks - 1))))
        self._scheduler = Scheduler(limits, self._pool, queue)
        self.sampled = Counts()

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
                self._refused[refusal.error.code] += 1
                request.finish(refusal.error)

    def cancel(self, request: Generation, error: EngineError | None) -> None:
        self._scheduler.remove(request)
        self._wipe()
        self._end(request, error)

    def pause(self, request: Generation, paused: bool) -> None:
        request.paused = paused

    def step(self, now: float) -> bool:
        began = perf_counter()
        for late in self._scheduler.expired(now):
            self.cancel(late, DEADLINE)
        chunks = self._scheduler.plan(now)
        self._wipe()  # what was evicted or preempted, before anybody else writes there
        if not chunks:
            return False
        sampling = [chunk for chunk in chunks if chunk.samples]
        asked = [None if _forks(chunk) else _draw(chunk.generation, chunk.choice) for chunk in sampling]
        plain = [draw if draw is not None and draw.is_plain else None for draw in asked]
        logits, found = self._runner.draw(chunks, plain)
        tokens = None if self.trial is None else self.trial.sample((c.choice.tokens, c.end) for c in chunks)
        self._scheduler.advance(chunks)
        self._count_step(self._scheduler.planned_tokens)
        self.prompt_tokens += sum(max(0, min(c.end, c.generation.prompt_tokens) - c.start) for c in chunks)
        sampled: list[tuple[Generation, Choice]] = []
        draws: list[Draw] = []
        rows: list[int] = []
        ready: list[tuple[Generation, Choice, Drawn]] = []
        for row, (chunk, draw, drawn_in_step) in enumerate(zip(sampling, asked, found, strict=True)):
            generation = chunk.generation
            if drawn_in_step is not None:
                ready.append((generation, chunk.choice, drawn_in_step))
                continue
            choices = [chunk.choice] if draw is not None else self._forked(generation)
            sampled += [(generation, choice) for choice in choices]
            draws += [draw] if draw is not None else [_draw(generation, choice) for choice in choices]
            rows += [row] * len(choices)
        self.sampled.draws += len(ready)
        if sampled:
            drawn = sample(logits if len(rows) == len(logits) else logits[rows], draws, self.sampled)
            ready += [(*whose, result) for whose, result in zip(sampled, drawn, strict=True)]
        if ready:
            # One stamp for all tokens of a step, on the clock of `now`.
            at = now + perf_counter() - began
            for generation, choice, result in ready:
                self._accept(generation, choice, result, at)
            self._wipe()
        if self.trial is not None and tokens is not None:
            self.trial.compare(tokens)
        return True

    def replay(self, tokens: list[int]) -> tuple[torch.Tensor, float] | None:
        """Logits [vocabulary] after `tokens`, computed apart from all requests and forgotten, and the seconds that the last token
        took. None where the cache has no room that nobody wants."""
        count = blocks_for(len(tokens))
        if count > self._pool.free:
            return None
        blocks = self._pool.allocate(count)
        probe = Probe(self._tokenizer, tokens, blocks)
        try:
            while probe.left > 1:
                self._runner.step([probe.chunk(min(_PIECE, probe.left - 1))])
            began = perf_counter()
            [logits] = self._runner.step([probe.chunk(1)])
            return logits, perf_counter() - began
        finally:
            probe.wipe()
            self._pool.release(blocks, keep=False)
            self._wipe()

    def erase(self, scope: Scope) -> Wiped:
        epoch = self._pool.index.epoch(scope.workspace)
        covered = self._covered(scope)
        for request in covered:
            self._scheduler.remove(request)
            self._end(request, ERASED)
        held = self._pool.forget(scope.workspace)
        blocks = self._wipe()
        buffers = self._runner.wipe_buffers()
        return Wiped(epoch, len(covered), blocks, blocks * self._runner.store.block_bytes + buffers, held)

    def verify(self, scope: Scope) -> Found:
        sample = self._pool.some_free(SAMPLED_BLOCKS)
        nonzero = self._runner.store.nonzero(sample)
        return Found(len(self._covered(scope)), self._pool.index.owned(scope.workspace), len(sample), nonzero)

    def _covered(self, scope: Scope) -> list[Generation]:
        return [request for request in self._scheduler.requests_of(scope.workspace) if request.is_of(scope)]

    def close(self) -> None:
        self._runner.store.wipe(list(range(1, self._pool.size)))
        super().close()

    def stats(self, model: str) -> ModelStats:
        index, scheduler = self._pool.index, self._scheduler
        return ModelStats(
            model=model,
            lanes={lane: LaneStats(scheduler.running_in(lane), scheduler.waiting_in(lane)) for lane in LANES},
            prompt_tokens=self.prompt_tokens,
            generated_tokens=self.generated_tokens,
            cache_used=self._pool.held_share,
            prefix_queried_tokens=index.queried_tokens,
            prefix_hit_tokens=index.hit_tokens,
            evicted_blocks=index.evictions,
            preemptions=scheduler.preemptions,
            recomputed_tokens=scheduler.recomputed_tokens,
            slow_path=self._runner.slow_path,
            refused=dict(self._refused),
            ended=dict(self._ended),
            sizes=sorted(self._sizes.items()),
            computed_tokens=self._computed_tokens,
            memory=self._runner.memory,
        )

    def _wipe(self) -> int:
        """Zeroes what nobody holds any more; the number of blocks."""
        dirty = self._pool.take_dirty()
        self._runner.store.wipe(dirty)
        return len(dirty)

    def abandon(self, error: EngineError) -> None:
        for generation in self._scheduler.generations():
            self._scheduler.remove(generation, keep=False)
            self._end(generation, error)
        self._wipe()

    def _forked(self, generation: Generation) -> list[Choice]:
        """All choices of a request whose prompt has just been computed."""
        self._runner.store.copy(self._scheduler.fork(generation))
        return list(generation.choices)

    def _accept(self, generation: Generation, choice: Choice, drawn: Drawn, at: float) -> None:
        if generation.state is State.FINISHED:
            return  # another choice of the request has just ended it with an error
        if drawn.token is None:
            self._scheduler.remove(generation, keep=False)
            self._end(generation, nonfinite("prompt"))
            return
        self.generated_tokens += 1
        if generation.first_token_at is None:
            generation.first_token_at = at
        logprob = None if generation.sampling.logprobs is None else self._logprob(drawn)
        delta = choice.accept(drawn.token, logprob)
        if delta is not None:
            generation.publish(choice, delta)
        if choice.finish_reason is not None:
            self._scheduler.release(generation, choice)
            if all(other.finish_reason is not None for other in generation.choices):
                generation.complete(at)
                if self.trial is not None:
                    self.trial.ended(self, failed=False)

    def _logprob(self, drawn: Drawn) -> TokenLogprob:
        def report(token: int, logprob: float) -> TokenLogprob:
            text, raw = self._tokenizer.token_text(token)
            return TokenLogprob(text, token, logprob, list(raw))

        chosen = report(drawn.token or 0, drawn.logprob)
        chosen.top = [report(token, logprob) for token, logprob in drawn.top]
        return chosen


def _forks(chunk: Chunk) -> bool:
    """Whether several answers draw from the chunk's logits, as after the prompt that they share."""
    return chunk.generation.sampling.n > 1 and len(chunk.generation.choices) == 1


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
