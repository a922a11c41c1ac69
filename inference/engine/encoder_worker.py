"""An encoder at work: from queue over network to vectors. For the step thread alone."""

from __future__ import annotations

from inference.engine.embedding_queue import EmbeddingQueue, Text
from inference.engine.encoder_runner import EncoderRunner
from inference.engine.errors import ERASED, Refusal, nonfinite
from inference.engine.protocol import Embedded, EngineError, Scope
from inference.engine.request import Embedding, State
from inference.engine.worker import Found, Wiped, Worker


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

    def erase(self, scope: Scope) -> Wiped:
        covered = [request for request in self._queue.requests() if request.is_of(scope)]
        for request in covered:
            self.cancel(request, ERASED)
        return Wiped(0, len(covered), 0, 0, 0)

    def verify(self, scope: Scope) -> Found:
        return Found(sum(request.is_of(scope) for request in self._queue.requests()), 0, 0, 0)

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
