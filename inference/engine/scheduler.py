"""Which tokens the next step computes, and who may come in. Imports no torch; the time is always an argument.

First come, first served inside a workspace, round robin between workspaces. A request is admitted only when the blocks for
its longest possible answer are free, so nothing that runs ever has to be put back. Every step gives each running answer one
token first and spends what is left of its token budget on prompts, in pieces, so a long prompt never stops the others.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from inference.engine.blocks import BLOCK_TOKENS, BlockPool, blocks_for
from inference.engine.errors import refuse
from inference.engine.request import Choice, Generation, State

PATIENCE_S = 5.0
"""A head of queue that does not fit is passed over this long; then nobody passes it until it fits."""
_RATE_SAMPLES = 64


@dataclass(frozen=True, slots=True)
class Limits:
    max_running: int = 32
    """Answers being generated at once."""
    max_waiting: int = 256
    """Requests in the queue; one more is refused with 503."""
    step_tokens: int = 256
    """Tokens one step computes: larger steps fill prompts faster and make running answers wait longer."""

    def __post_init__(self) -> None:
        """Raises ValueError for limits under which nothing would ever run."""
        if self.max_running < 1 or self.max_waiting < 1:
            raise ValueError("max_running and max_waiting must be at least 1")
        if self.step_tokens <= self.max_running:
            raise ValueError("step_tokens must be above max_running, or prompts would never be computed")


@dataclass(frozen=True, slots=True)
class Chunk:
    """The tokens `start` to `end` of a choice, to be computed in this step."""

    generation: Generation
    choice: Choice
    start: int
    end: int

    @property
    def samples(self) -> bool:
        """Whether the chunk reaches the last known token, so that the next one can be drawn."""
        return self.end == len(self.choice.tokens)


@dataclass(slots=True)
class _Seat:
    """What a running generation holds besides its choices' own blocks."""

    slots: int
    tails: list[list[int]] = field(default_factory=list)
    """Blocks set aside for each choice that has not forked yet."""


class Scheduler:
    """Queue, admission and step plan of one decoder model. For the step thread alone."""

    def __init__(self, limits: Limits, pool: BlockPool) -> None:
        self._limits = limits
        self._pool = pool
        self._waiting: OrderedDict[str, deque[Generation]] = OrderedDict()
        self._running: dict[Generation, _Seat] = {}
        self._slots = 0
        self._finished_at: deque[float] = deque(maxlen=_RATE_SAMPLES)
        self.waiting = 0

    @property
    def running(self) -> int:
        """Choices that hold a slot."""
        return self._slots

    def generations(self) -> list[Generation]:
        """What is running, oldest first."""
        return list(self._running)

    def submit(self, generation: Generation, now: float) -> None:
        """Queues a request. Raises Refusal: 400 when it can never fit, 503 when the queue is full."""
        if generation.sampling.n > self._limits.max_running:
            raise refuse(400, "n_too_large", f"n may be at most {self._limits.max_running} on this engine", param="n")
        if self._blocks_needed(generation) > self._pool.capacity:
            room = self._pool.capacity * BLOCK_TOKENS
            raise refuse(
                400,
                "context_length_exceeded",
                f"{generation.sampling.n} answers of up to {generation.longest} tokens do not fit the engine's cache of {room} "
                "tokens; ask for fewer answers or a smaller max_tokens",
                param="max_tokens",
            )
        if self.waiting >= self._limits.max_waiting:
            raise refuse(
                503,
                "engine_overloaded",
                "the engine's queue is full; try again later",
                retry_after_s=self.retry_after(),
            )
        generation.state = State.QUEUED
        generation.queued_at = now
        self._waiting.setdefault(generation.workspace, deque()).append(generation)
        self.waiting += 1

    def plan(self, now: float) -> list[Chunk]:
        """The next step: running answers first, then prompts, then newcomers. [] when there is nothing to do."""
        chunks: list[Chunk] = []
        prompts: list[tuple[Generation, Choice]] = []
        for generation, choice in self._active():
            if choice.computed == len(choice.tokens) - 1:
                chunks.append(Chunk(generation, choice, choice.computed, choice.computed + 1))
            else:
                prompts.append((generation, choice))
        budget = max(0, self._limits.step_tokens - len(chunks))
        for generation, choice in prompts:
            budget -= self._take(generation, choice, budget, chunks)
        while budget > 0 and (admitted := self._admit(now)) is not None:
            budget -= self._take(admitted, admitted.choices[0], budget, chunks)
        return chunks

    def advance(self, chunk: Chunk) -> None:
        """Notes that the chunk's keys and values are in the cache."""
        chunk.choice.computed = chunk.end

    def fork(self, generation: Generation) -> list[tuple[int, int]]:
        """Adds the other choices once the prompt is computed; returns the (from, to) blocks to copy for them.

        Full prompt blocks are shared; the last, partly filled one is copied because each choice writes on in its own.
        """
        first = generation.choices[0]
        shared = first.blocks[: generation.prompt_tokens // BLOCK_TOKENS]
        copies = []
        for tail in self._running[generation].tails:
            self._pool.share(shared)
            generation.add_choice(shared + tail, generation.prompt_tokens)
            if generation.prompt_tokens % BLOCK_TOKENS:
                copies.append((first.blocks[len(shared)], tail[0]))
        self._running[generation].tails = []
        return copies

    def release(self, generation: Generation, choice: Choice, now: float) -> list[int]:
        """Gives up a finished choice's slot and blocks; returns the blocks to wipe."""
        seat = self._running[generation]
        seat.slots -= 1
        self._slots -= 1
        if seat.slots == 0:
            del self._running[generation]
            self._finished_at.append(now)
        blocks, choice.blocks = choice.blocks, []
        return self._pool.release(blocks)

    def remove(self, generation: Generation) -> list[int]:
        """Takes a request out wherever it is; returns the blocks to wipe. Removing one that is gone does nothing."""
        seat = self._running.pop(generation, None)
        if seat is not None:
            self._slots -= seat.slots
            freed = [block for tail in seat.tails for block in self._pool.release(tail)]
            for choice in generation.choices:
                blocks, choice.blocks = choice.blocks, []
                freed += self._pool.release(blocks)
            return freed
        queue = self._waiting.get(generation.workspace)
        if queue is not None and generation in queue:
            queue.remove(generation)
            self.waiting -= 1
            if not queue:
                del self._waiting[generation.workspace]
        return []

    def retry_after(self) -> float:
        """Seconds until a place in the queue is likely, from the rate at which requests finished."""
        times = self._finished_at
        if len(times) < 2:
            return 1.0
        return min(60.0, max(1.0, self.waiting * (times[-1] - times[0]) / (len(times) - 1)))

    def _active(self) -> Iterator[tuple[Generation, Choice]]:
        for generation in self._running:
            if not generation.paused:
                for choice in generation.choices:
                    if choice.finish_reason is None:
                        yield generation, choice

    @staticmethod
    def _take(generation: Generation, choice: Choice, budget: int, chunks: list[Chunk]) -> int:
        """Plans as much of a prompt as the budget allows; returns the tokens taken."""
        size = min(budget, len(choice.tokens) - choice.computed)
        if size > 0:
            chunks.append(Chunk(generation, choice, choice.computed, choice.computed + size))
        return size

    def _admit(self, now: float) -> Generation | None:
        """Starts the next request that fits, by turns between workspaces."""
        for workspace, queue in self._waiting.items():
            head = queue[0]
            if self._fits(head):
                queue.popleft()
                self.waiting -= 1
                self._waiting.move_to_end(workspace)
                if not queue:
                    del self._waiting[workspace]
                return self._seat(head)
            if now - head.queued_at > PATIENCE_S:
                return None
        return None

    def _fits(self, generation: Generation) -> bool:
        slots = self._limits.max_running - self._slots
        return generation.sampling.n <= slots and self._blocks_needed(generation) <= self._pool.free

    def _seat(self, generation: Generation) -> Generation:
        whole = blocks_for(generation.longest)
        tail = whole - generation.prompt_tokens // BLOCK_TOKENS
        n = generation.sampling.n
        self._running[generation] = _Seat(n, [self._pool.allocate(tail) for _ in range(n - 1)])
        self._slots += n
        generation.state = State.RUNNING
        generation.add_choice(self._pool.allocate(whole), 0)
        return generation

    @staticmethod
    def _blocks_needed(generation: Generation) -> int:
        whole = blocks_for(generation.longest)
        return whole + (generation.sampling.n - 1) * (whole - generation.prompt_tokens // BLOCK_TOKENS)
