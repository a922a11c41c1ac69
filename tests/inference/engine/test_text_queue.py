from __future__ import annotations

from typing import Any

import pytest

from inference.engine.errors import Refusal
from inference.engine.request import Embedding
from inference.engine.text_queue import Text, TextQueue
from inference.engine.window import Hold
from tests.inference.engine.harness import Events


def embedding(*lengths: int, workspace: str = "a", lane: Any = "standard", **given: Any) -> Embedding:
    return Embedding(
        workspace=workspace,
        lane=lane,
        sink=Events(),
        inputs=[[1] * length for length in lengths],
        dimensions=None,
        **given,
    )


def take(queue: TextQueue, now: float = 0.0) -> list[Text]:
    batch = queue.next_batch(now)
    return [] if isinstance(batch, Hold) else batch


def test_batches_keep_the_budget_and_hold_every_text_once() -> None:
    queue = TextQueue(batch_tokens=100)
    requests = [embedding(*(1 + (17 * i + 31 * j) % 60 for j in range(8)), workspace=f"w{i % 3}") for i in range(10)]
    for request in requests:
        queue.submit(request, 0.0)

    seen = []
    while batch := take(queue):
        assert sum(len(text.ids) for text in batch) <= 100
        seen += [(id(text.request), text.position) for text in batch]

    assert len(seen) == len(set(seen)) == 80
    assert queue.waiting == 0


def test_a_text_longer_than_the_budget_goes_alone() -> None:
    queue = TextQueue(batch_tokens=10)
    queue.submit(embedding(50, 50, 3), 0.0)

    assert [[len(text.ids) for text in take(queue)] for _ in range(3)] == [[50], [50], [3]]


def test_a_flood_of_one_workspace_does_not_keep_another_waiting() -> None:
    queue = TextQueue(batch_tokens=64)
    queue.submit(embedding(*[60] * 500, workspace="noisy"), 0.0)
    quiet = embedding(5, workspace="quiet")
    take(queue)
    queue.submit(quiet, 0.0)

    batches = [take(queue), take(queue)]

    assert any(text.request is quiet for batch in batches for text in batch)


def test_a_removed_request_leaves_nothing_behind() -> None:
    queue = TextQueue(batch_tokens=100)
    gone, kept = embedding(5, 6, 7), embedding(8)
    queue.submit(gone, 0.0)
    queue.submit(kept, 0.0)
    queue.remove(gone)
    queue.remove(gone)

    assert queue.requests() == [kept]
    assert [text.request for text in take(queue)] == [kept]
    assert take(queue) == []
    queue.remove(kept)
    assert queue.requests() == []


def test_a_full_queue_is_503() -> None:
    queue = TextQueue(max_waiting=3)
    queue.submit(embedding(*[9] * 5), 0.0)  # an empty queue takes any one request
    with pytest.raises(Refusal) as refusal:
        queue.submit(embedding(2), 0.0)

    assert refusal.value.error.status == 503
    assert refusal.value.error.retry_after_s


def test_a_request_is_held_by_its_own_preset_beside_other_work() -> None:
    queue = TextQueue()
    queue.submit(embedding(5), 0.0)
    held = [queue.next_batch(0.0, busy=True)]
    queue.submit(embedding(5, preset="high-throughput"), 0.0)
    held.append(queue.next_batch(0.009, busy=True))
    queue.submit(embedding(5, preset="low-latency"), 0.001)
    held.append(queue.next_batch(0.001, busy=True))
    queue.submit(embedding(5, preset="low-latency", lane="realtime"), 0.002)

    assert held == [Hold(0.01), Hold(0.01), Hold(0.007)]
    assert len(queue.next_batch(0.002, busy=True)) == 1  # type: ignore[arg-type]
    assert queue.flushes.reasons == {("low-latency", "realtime"): 1}


def test_texts_past_their_deadline_are_taken_out() -> None:
    queue = TextQueue()
    late, early = embedding(5, 6, deadline=1.0), embedding(5, deadline=2.0)
    queue.submit(late, 0.0)
    queue.submit(early, 0.0)

    assert queue.expired(0.5) == []
    assert queue.expired(1.5) == [late]
    assert queue.waiting == 1
