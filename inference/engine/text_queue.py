"""Which texts an encoder's next batch holds: those to embed, and passages to tag. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from inference.engine.batch_queue import Batch, BatchQueue, Flushes, Item, QueueFull
from inference.engine.errors import refuse
from inference.engine.request import State, Texts
from inference.engine.window import PRESETS, Hold, Window

CPU_BATCH_TOKENS = 512
"""Two cores reach their speed from about 300 tokens on, and more only lengthen the wait of whoever comes next."""
GPU_BATCH_TOKENS = 32_768
GPU_RIDE_TOKENS = 4096
"""Below this an accelerator computes a batch in the time that starting it takes: company costs a realtime text nothing."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a request."""

    position: int
    request: Texts

    @property
    def ids(self) -> list[int]:
        return self.request.inputs[self.position]


class TextQueue:
    """Texts of all requests, each under the window of its workspace's preset or of the deployment. For one thread at a time.

    Batches are bounded by their tokens: without padding a long text costs its neighbours nothing but its own.
    """

    def __init__(
        self,
        *,
        window: Window = PRESETS["balanced"],
        batch_tokens: int = CPU_BATCH_TOKENS,
        ride_tokens: int = 0,
        max_waiting: int = 16_384,
    ) -> None:
        """`window` is for requests that name no preset; `max_waiting` bounds the texts. For the others see `BatchQueue`."""
        self.window = window
        self._queue = BatchQueue[Text](batch_size=batch_tokens, max_waiting=max_waiting, ride_size=ride_tokens)
        self._items: dict[int, list[Item[Text]]] = {}

    @property
    def waiting(self) -> int:
        """Texts in the queue."""
        return len(self._queue)

    @property
    def flushes(self) -> Flushes:
        return self._queue.flushes

    @property
    def draining(self) -> bool:
        """No more will come: batches are not held for company."""
        return self._queue.draining

    @draining.setter
    def draining(self, draining: bool) -> None:
        self._queue.draining = draining

    def submit(self, request: Texts, now: float) -> None:
        """Queues a request's texts. Raises Refusal 503 when the queue is full."""
        window = self.window if request.preset is None else PRESETS[request.preset]
        items = [
            Item(
                payload=Text(position, request),
                workspace=request.workspace,
                lane=request.lane,
                window=window,
                size=len(ids),
                arrived=now,
                weight=request.weight,
                deadline=request.deadline,
            )
            for position, ids in enumerate(request.inputs)
        ]
        try:
            self._queue.submit(items)
        except QueueFull:
            raise refuse(
                503, "engine_overloaded", "the engine's queue is full; try again later", retry_after_s=2.0
            ) from None
        request.state = State.QUEUED
        request.queued_at = now
        self._items[id(request)] = items

    def next_batch(self, now: float, *, busy: bool = False) -> list[Text] | Hold:
        """Takes the next batch out, or says until when to hold."""
        batch = self._queue.next_batch(now, busy=busy)
        if not isinstance(batch, Batch):
            return batch
        texts = [item.payload for item in batch.items]
        for text in texts:
            text.request.state = State.RUNNING
            if text.request.scheduled_at is None:
                text.request.scheduled_at = now
        return texts

    def expired(self, now: float) -> list[Texts]:
        """The requests whose deadline has passed while texts of theirs wait; those texts are taken out."""
        return list({id(item.payload.request): item.payload.request for item in self._queue.expire(now)}.values())

    def computed(self, seconds: float) -> None:
        """Tells how long a batch took, so that holding leaves room for the next."""
        self._queue.step_s += (seconds - self._queue.step_s) / 8

    def requests(self) -> list[Texts]:
        """Those that have not ended and have, or had, texts in the queue."""
        return [items[0].payload.request for items in self._items.values()]

    def remove(self, request: Texts) -> None:
        """Takes a request's waiting texts out, and forgets it; to be called when it ends, however it does."""
        for item in self._items.pop(id(request), []):
            self._queue.remove(item)
