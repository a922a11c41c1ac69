"""Which texts the next embedding batch holds. Imports no torch."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from inference.engine.errors import refuse
from inference.engine.request import Embedding, State


@dataclass(frozen=True, slots=True, order=True)
class Text:
    """One text of a request; ordered by length."""

    length: int
    serial: int
    position: int = field(compare=False)
    embedding: Embedding = field(compare=False)

    @property
    def ids(self) -> list[int]:
        return self.embedding.inputs[self.position]


class EmbeddingQueue:
    """Texts of all requests. A batch starts from the oldest text of the workspace whose turn it is and is filled with the
    texts nearest to it in length, whoever's they are, because padding costs as much as text. For the step thread alone."""

    def __init__(self, *, batch_tokens: int = 512, max_waiting: int = 16_384) -> None:
        """`batch_tokens` bounds rows times longest row of a batch; `max_waiting` the texts in the queue."""
        self._batch_tokens = batch_tokens
        self._max_waiting = max_waiting
        self._by_length: list[Text] = []
        self._by_age: OrderedDict[str, deque[Text]] = OrderedDict()
        self._taken: set[int] = set()
        self._serial = 0

    @property
    def waiting(self) -> int:
        """Texts in the queue."""
        return len(self._by_length)

    def submit(self, embedding: Embedding) -> None:
        """Queues a request's texts. Raises Refusal 503 when the queue is full."""
        if self._by_length and self.waiting + len(embedding.inputs) > self._max_waiting:
            raise refuse(503, "engine_overloaded", "the engine's queue is full; try again later", retry_after_s=2.0)
        embedding.state = State.QUEUED
        queue = self._by_age.setdefault(embedding.workspace, deque())
        for position, ids in enumerate(embedding.inputs):
            self._serial += 1
            text = Text(len(ids), self._serial, position, embedding)
            queue.append(text)
            self._by_length.append(text)
        # One sort of an almost sorted list, instead of moving half of it for each text.
        self._by_length.sort()

    def next_batch(self) -> list[Text]:
        """Takes the next batch out, shortest first; [] when nothing waits."""
        seed = self._oldest()
        if seed is None:
            return []
        low = bisect_left(self._by_length, seed)
        high = low + 1
        while True:
            shorter = self._by_length[low - 1].length if low > 0 else None
            longer = self._by_length[high].length if high < len(self._by_length) else None
            rows = high - low + 1
            # Of the two neighbours the nearer in length, unless it would break the budget.
            below = shorter is not None and rows * self._by_length[high - 1].length <= self._batch_tokens
            above = longer is not None and rows * longer <= self._batch_tokens
            if below and above and shorter is not None and longer is not None:
                below = seed.length - shorter <= longer - seed.length
            if below:
                low -= 1
            elif above:
                high += 1
            else:
                break
        batch = self._by_length[low:high]
        del self._by_length[low:high]
        for text in batch:
            self._taken.add(text.serial)
            text.embedding.state = State.RUNNING
        return batch

    def requests(self) -> list[Embedding]:
        """Those that have texts in the queue."""
        return list({id(text.embedding): text.embedding for text in self._by_length}.values())

    def remove(self, embedding: Embedding) -> None:
        """Takes a request's waiting texts out; removing one that has none does nothing."""
        gone = [text for text in self._by_length if text.embedding is embedding]
        if gone:
            self._by_length = [text for text in self._by_length if text.embedding is not embedding]
            self._taken.update(text.serial for text in gone)

    def _oldest(self) -> Text | None:
        """The oldest waiting text of the workspace whose turn it is; passes the turn on."""
        for workspace in list(self._by_age):
            queue = self._by_age[workspace]
            while queue and queue[0].serial in self._taken:
                self._taken.discard(queue.popleft().serial)
            if queue:
                self._by_age.move_to_end(workspace)
                return queue[0]
            del self._by_age[workspace]
        return None
