"""Which tokens the next step computes, and who may come in. Imports no torch; the time is always an argument.

There are no phases: the number of a choice's computed tokens chases the number of its known ones, and a step is a set of
pieces of that chase within one token budget. Running answers take one token each; what is left goes to prompts, in pieces,
by lane and then by who has paid least; newcomers are admitted while those ahead of them leave room in the budget.

When an answer needs a block that nobody can give, the youngest request of the workspace that is furthest ahead gives all of its
own back, waits at the front of its line, and is computed again later.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from inference.engine.admission import Admission, Limits
from inference.engine.blocks import BLOCK_TOKENS, DETERMINISTIC_PIECE, BlockPool
from inference.engine.fairqueue import INPUT_PRICE, OUTPUT_PRICE, Account, FairQueue
from inference.engine.lanes import LANES, Lane
from inference.engine.memory import Memory
from inference.engine.places import Places, slots
from inference.engine.request import Choice, Generation, State

PATIENCE_S = 5.0
"""A head of line for which there is no memory is passed over this long; then nobody passes it until it fits."""
BATCH_BELOW = 0.8
"""Beyond its own share the batch lane comes in only while less than this part of the cache is held."""
_RANK = {lane: rank for rank, lane in enumerate(LANES)}


class Chunk(NamedTuple):
    """The tokens `start` to `end` of a choice, to be computed in this step."""

    generation: Generation
    choice: Choice
    start: int
    end: int

    @property
    def samples(self) -> bool:
        """Whether the chunk reaches the last known token, so that the next one can be drawn."""
        return self.end == len(self.choice.tokens)


class Scheduler:
    """Queues, admission and step plan of one decoder model. For the step thread alone."""

    def __init__(self, limits: Limits, pool: BlockPool, queue: type[FairQueue] = FairQueue) -> None:
        """`queue` decides whose turn it is in each lane."""
        self._limits = limits
        self._pool = pool
        self._memory = Memory(pool)
        self._queues: dict[Lane, FairQueue] = {lane: queue() for lane in LANES}
        self._admission = Admission(limits, pool.capacity, self._queues)
        self._places = Places(limits, self._rank)
        self._accounts: dict[Generation, Account] = {}
        """Who pays for each request, running or waiting."""
        self._batch_credit = 0.0
        self._last_step: tuple[float, int] | None = None
        self._with_deadline: set[Generation] = set()
        self.preemptions = 0
        self.recomputed_tokens = 0
        self.planned_tokens = 0
        """Tokens of the last step that was planned."""

    @property
    def running(self) -> int:
        """Choices that have been admitted."""
        return self._places.taken

    @property
    def waiting(self) -> int:
        return self._admission.waiting

    def waiting_in(self, lane: Lane) -> int:
        return self._queues[lane].waiting

    def running_in(self, lane: Lane) -> int:
        return self._places.of(lane)

    def paid(self, lane: Lane, workspace: str) -> float:
        """The workspace's virtual token counter in the lane."""
        return self._queues[lane].paid(workspace)

    def generations(self) -> list[Generation]:
        """What is running, oldest first."""
        return list(self._places.running)

    def requests_of(self, workspace: str) -> list[Generation]:
        """All of a workspace's requests, running or waiting."""
        running = [generation for generation in self._places.running if generation.workspace == workspace]
        return running + [g for queue in self._queues.values() for g in queue.line(workspace)]

    def submit(self, generation: Generation, now: float) -> None:
        """Queues a request. Raises Refusal: 400 when it can never fit, 429 or 503 when too much waits."""
        self._admission.check(generation, now)
        generation.state = State.QUEUED
        generation.queued_at = now
        self._accounts[generation] = self._queues[generation.lane].enter(generation)
        if generation.deadline is not None:
            self._with_deadline.add(generation)

    def expired(self, now: float) -> list[Generation]:
        """The requests whose deadline has passed; the caller ends them."""
        return [generation for generation in self._with_deadline if now >= (generation.deadline or now)]

    def plan(self, now: float) -> list[Chunk]:
        """The next step: running answers first, then prompts and newcomers. [] when there is nothing to do."""
        if self.waiting:
            self._clear_paused()
        chunks: list[Chunk] = []
        prompts: list[tuple[Generation, Choice]] = []
        short: list[tuple[Generation, Choice]] = []
        out = self._places.sitting_out()
        for generation in self._places.running:
            if generation.paused or generation in out:
                continue
            for choice in generation.choices:
                if choice.finish_reason is None:
                    computed = choice.computed
                    if computed + 1 != len(choice.tokens):
                        prompts.append((generation, choice))
                        continue
                    chunks.append(Chunk(generation, choice, computed, computed + 1))
                    if computed % BLOCK_TOKENS == 0 and computed == len(choice.blocks) * BLOCK_TOKENS:
                        short.append((generation, choice))
        if short and self._grow(short):
            chunks = [chunk for chunk in chunks if chunk.generation in self._places.running]
            prompts = [pair for pair in prompts if pair[0] in self._places.running]
        budget = left = max(0, self._limits.step_tokens - len(chunks))
        before = self.running
        while budget and (head := self._next(prompts, budget, now)) is not None:
            prompts += [(head, choice) for choice in self._seat(head, now)]
        if self.running > before and (out := self._places.sitting_out()):
            chunks = [chunk for chunk in chunks if chunk.generation not in out]
            prompts = [pair for pair in prompts if pair[0] not in out]
        if prompts and (out := self._places.making_way(prompts, budget)):
            kept = [chunk for chunk in chunks if chunk.generation not in out]
            budget = left = budget + len(chunks) - len(kept)
            chunks = kept
        answers = len(chunks)
        if budget and prompts:
            left = self._fill(prompts, budget, chunks)
        self.planned_tokens = answers + budget - left
        self._measure(self.planned_tokens, now)
        return chunks

    def advance(self, chunks: list[Chunk]) -> None:
        """Notes that the chunks' keys and values are in the cache, charges for them and makes full blocks findable."""
        for generation, choice, start, end in chunks:
            choice.computed = end
            first = max(start, choice.paid)
            if end > first:
                choice.paid = end
                asked = generation.prompt_tokens
                if first >= asked:
                    price = OUTPUT_PRICE * (end - first)
                else:
                    price = INPUT_PRICE * (min(end, asked) - first) + OUTPUT_PRICE * max(0, end - asked)
                self._accounts[generation].paid += price / generation.weight
            if choice.published < end // BLOCK_TOKENS and choice.chain is not None:
                self._memory.publish(generation, choice)

    def fork(self, generation: Generation) -> list[tuple[int, int]]:
        """Adds the other choices once the prompt is computed; returns the (from, to) blocks to copy for them."""
        return self._memory.fork(generation)

    def release(self, generation: Generation, choice: Choice) -> None:
        """Gives up a finished choice's place and blocks."""
        self._memory.free(choice)
        if self._places.release(generation):
            self._leave(generation)

    def remove(self, generation: Generation, *, keep: bool = True) -> None:
        """Takes a request out wherever it is; without `keep` what it computed is not to be trusted.

        Removing one that is gone does nothing.
        """
        if self._places.leave(generation):
            for choice in generation.choices:
                self._memory.free(choice, keep=keep)
            self._leave(generation)
        elif generation in self._accounts:
            self._leave(generation)

    def _leave(self, generation: Generation) -> None:
        del self._accounts[generation]
        self._queues[generation.lane].leave(generation)
        self._with_deadline.discard(generation)

    def _clear_paused(self) -> None:
        """While others wait, a slow reader's request keeps neither slot nor memory."""
        for generation in [g for g in self._places.running if g.paused and not g.deterministic]:
            self._preempt(generation)

    def _grow(self, answers: list[tuple[Generation, Choice]]) -> bool:
        """Gives each answer that has filled its last block one more; whether somebody had to give all theirs back for it."""
        preempted = False
        for generation, choice in answers:
            while choice.computed == len(choice.blocks) * BLOCK_TOKENS and generation in self._places.running:
                if not self._memory.grow(choice):
                    self._preempt(self._victim())
                    preempted = True
        return preempted

    def _victim(self) -> Generation:
        """Who gives way: whose reader is slow, else the lowest lane's, of the workspace furthest ahead the youngest.

        Deterministic requests never do: what is computed again in other pieces may differ in its last bits.
        """
        candidates = [g for g in reversed(self._places.running) if not g.deterministic]
        return max(candidates, key=lambda g: (g.paused, *self._rank(g)))

    def _preempt(self, generation: Generation) -> None:
        self._places.leave(generation)
        for choice in generation.choices:
            if choice.finish_reason is None:
                self.recomputed_tokens += choice.computed
            self._memory.free(choice)
            choice.computed = choice.published = 0
        generation.state = State.QUEUED
        self._queues[generation.lane].put_back(generation)
        self.preemptions += 1

    def _rank(self, generation: Generation) -> tuple[int, float]:
        return _RANK[generation.lane], self._accounts[generation].paid

    def _next(self, prompts: list[tuple[Generation, Choice]], budget: int, now: float) -> Generation | None:
        """The waiting request that comes in next, if those ahead of it leave something of the budget."""
        for lane in self._lanes():
            room = self._places.room(lane)
            least: float | None = None
            for head in self._queues[lane].heads():
                paid = self._accounts[head].paid
                least = paid if least is None else least
                if slots(head) > room and not (paid <= least and self._places.squeezes_in(head)):
                    continue
                if self._memory.fits(head):
                    rank = self._rank(head)
                    ahead = sum(len(c.tokens) - c.computed for g, c in prompts if self._rank(g) <= rank)
                    return head if ahead < budget else None
                if now - head.queued_at > PATIENCE_S:
                    return None
        return None

    def _lanes(self) -> Iterator[Lane]:
        """The lanes with somebody waiting, in the order of their turn."""
        batch = self._places.of("batch")
        batch_waits = self._queues["batch"].waiting > 0
        due = batch_waits and batch < self._limits.batch_slots
        if self._queues["realtime"].waiting:
            yield "realtime"
        if due:
            yield "batch"
        if self._queues["standard"].waiting:
            yield "standard"
        if batch_waits and not due and self._pool.held_share < BATCH_BELOW:
            yield "batch"

    def _seat(self, generation: Generation, now: float) -> list[Choice]:
        """Admits a request that fits; returns its choices to compute."""
        if generation.scheduled_at is None:
            generation.scheduled_at = now
        self._queues[generation.lane].take(generation)
        self._memory.seat(generation)
        self._places.seat(generation)
        generation.state = State.RUNNING
        return generation.unfinished

    def _fill(self, prompts: list[tuple[Generation, Choice]], budget: int, chunks: list[Chunk]) -> int:
        """Spends the budget on prompts: the batch lane's own share when it has saved up a piece's worth, then by rank.

        Returns what is left.
        """
        prompts.sort(key=lambda pair: self._rank(pair[0]))
        floor = min(DETERMINISTIC_PIECE, self._limits.step_tokens // 4)
        batch = next((i for i, (g, _) in enumerate(prompts) if g.lane == "batch"), 0)
        if batch:
            self._batch_credit += self._limits.batch_share * self._limits.step_tokens
            if self._batch_credit >= floor:
                left = budget - sum(len(choice.tokens) - choice.computed for _, choice in prompts[:batch])
                size = self._piece(*prompts.pop(batch), min(budget, max(left, int(self._batch_credit))), chunks)
                budget -= size
                self._batch_credit = max(0.0, self._batch_credit - size)
            self._batch_credit = min(self._batch_credit, float(self._limits.step_tokens))
        for generation, choice in prompts:
            if budget <= 0:
                break
            budget -= self._piece(generation, choice, budget, chunks)
        return budget

    def _piece(self, generation: Generation, choice: Choice, most: int, chunks: list[Chunk]) -> int:
        """Plans the next piece of a prompt, of at most `most` tokens; returns its size."""
        start, known = choice.computed, len(choice.tokens)
        size = min(most, known - start)
        if generation.deterministic:
            # Whole pieces only; one that is larger than a whole step's budget is taken when it comes first.
            size = min(known, (start // DETERMINISTIC_PIECE + 1) * DETERMINISTIC_PIECE) - start
            if size > most and any(chunk.end - chunk.start > 1 for chunk in chunks):
                return 0
        if size > 0:
            self._memory.cover(choice, start + size)
            chunks.append(Chunk(generation, choice, start, start + size))
        return size

    def _measure(self, tokens: int, now: float) -> None:
        if self._last_step is not None:
            then, before = self._last_step
            self._admission.rate.note(before, now - then)
        self._last_step = (now, tokens) if tokens > 0 else None
