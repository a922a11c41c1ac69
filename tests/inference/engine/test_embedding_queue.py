from __future__ import annotations

import pytest

from inference.engine.embedding_queue import EmbeddingQueue
from inference.engine.errors import Refusal
from inference.engine.request import Embedding
from tests.inference.engine.harness import Events


def embedding(*lengths: int, workspace: str = "a") -> Embedding:
    return Embedding(
        workspace=workspace,
        lane="standard",
        sink=Events(),
        inputs=[[1] * length for length in lengths],
        dimensions=None,
    )


def test_batches_hold_near_lengths_within_the_budget_and_every_text_once() -> None:
    queue = EmbeddingQueue(batch_tokens=100)
    requests = [embedding(*(1 + (17 * i + 31 * j) % 60 for j in range(8)), workspace=f"w{i % 3}") for i in range(10)]
    for request in requests:
        queue.submit(request)

    seen = []
    waste = 0
    while batch := queue.next_batch():
        longest = max(text.length for text in batch)
        assert len(batch) * longest <= 100
        waste += sum(longest - text.length for text in batch)
        seen += [(id(text.embedding), text.position) for text in batch]

    assert len(seen) == len(set(seen)) == 80
    assert waste < 0.2 * sum(request.prompt_tokens for request in requests)
    assert queue.waiting == 0


def test_a_text_longer_than_the_budget_goes_alone() -> None:
    queue = EmbeddingQueue(batch_tokens=10)
    queue.submit(embedding(50, 50, 3))

    assert [[text.length for text in queue.next_batch()] for _ in range(3)] == [[50], [50], [3]]


def test_a_flood_of_one_workspace_does_not_keep_another_waiting() -> None:
    queue = EmbeddingQueue(batch_tokens=64)
    queue.submit(embedding(*[60] * 500, workspace="noisy"))
    quiet = embedding(5, workspace="quiet")
    queue.submit(quiet)

    batches = [queue.next_batch(), queue.next_batch()]

    assert any(text.embedding is quiet for batch in batches for text in batch)


def test_a_removed_request_leaves_nothing_behind() -> None:
    queue = EmbeddingQueue(batch_tokens=100)
    gone, kept = embedding(5, 6, 7), embedding(8)
    queue.submit(gone)
    queue.submit(kept)
    queue.remove(gone)
    queue.remove(gone)

    assert [text.embedding for text in queue.next_batch()] == [kept]
    assert queue.next_batch() == []
    assert queue._taken == set()


def test_a_full_queue_is_503() -> None:
    queue = EmbeddingQueue(max_waiting=3)
    queue.submit(embedding(*[9] * 5))  # an empty queue takes any one request
    with pytest.raises(Refusal) as refusal:
        queue.submit(embedding(2))

    assert refusal.value.error.status == 503
    assert refusal.value.error.retry_after_s
