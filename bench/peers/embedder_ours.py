"""The engine's own path for embeddings, from the step thread's inbox to the answer: ``python -m bench.peers.embedder_ours``.

Arguments are a type, after `compiled-` for native code, a checkpoint and a number of threads. Each text is a request of its own,
of four workspaces in turn, under the preset `balanced`.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from bench.peers.processes import COMPILED
from inference.engine.checkpoint import Checkpoint
from inference.engine.compiled_encoder import CompiledEncoder, TooCoarse
from inference.engine.encoder_runner import EncoderRunner
from inference.engine.encoder_worker import EncoderWorker
from inference.engine.engine import Engine
from inference.engine.protocol import Embedded, EngineError
from inference.engine.request import Embedding
from inference.engine.worker import Job

WORKSPACES = 4


class Answers:
    """Waits for the answers of several requests."""

    def __init__(self, count: int) -> None:
        self.vectors: list[bytes] = [b""] * count
        self._missing = count
        self._done = threading.Event()

    def put(self, number: int, outcome: Any) -> None:
        """Called by the step thread."""
        if isinstance(outcome, Embedded):
            self.vectors[number] = outcome.data
        self._missing -= 1
        if not self._missing:
            self._done.set()

    def wait(self) -> list[bytes]:
        self._done.wait()
        if not all(self.vectors):
            raise RuntimeError("the engine refused a text of the benchmark")
        return self.vectors


class Answer:
    """The sink of one request."""

    def __init__(self, answers: Answers, number: int) -> None:
        self._answers = answers
        self._number = number

    def send(self, deltas: object) -> None:
        """Embeddings do not stream."""

    def finish(self, outcome: Embedded | EngineError | Any) -> None:
        self._answers.put(self._number, outcome)


def embed(engine: Engine, worker: EncoderWorker, texts: list[list[int]]) -> list[bytes]:
    answers = Answers(len(texts))
    for number, ids in enumerate(texts):
        request = Embedding(
            workspace=f"ws{number % WORKSPACES}",
            lane="standard",
            sink=Answer(answers, number),
            inputs=[ids],
            dimensions=None,
        )
        engine.submit(Job(worker, request))
    return answers.wait()


def runner(dtype: str, checkpoint: Checkpoint) -> EncoderRunner | CompiledEncoder:
    way, _, kind = dtype.rpartition("-")
    if not way:
        return EncoderRunner(checkpoint, dtype=kind)  # type: ignore[arg-type]  # from our own bench
    if kind == "int8":
        return CompiledEncoder(checkpoint, COMPILED, weights="int8")
    return CompiledEncoder(checkpoint, COMPILED, dtype=kind)  # type: ignore[arg-type]


def main() -> None:
    dtype, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    try:
        worker = EncoderWorker(runner(dtype, Checkpoint.open(folder)))
    except TooCoarse as error:
        sys.stdin.readline()
        print(json.dumps({"refused": str(error)}), flush=True)
        return
    engine = Engine(threads=threads, flush=lambda: None, crashed=lambda: None)
    engine.start()
    engine.add(worker)
    for line in sys.stdin:
        order = json.loads(line)
        answer: Any
        if order["task"] == "each":
            answer = []
            for text in order["texts"]:
                start = perf_counter()
                embed(engine, worker, [text])
                answer.append(perf_counter() - start)
        else:
            start = perf_counter()
            vectors = embed(engine, worker, order["texts"])
            answer = perf_counter() - start
            if order["task"] == "vectors":
                answer = base64.b64encode(b"".join(vectors)).decode()
        print(json.dumps(answer), flush=True)
    engine.stop()


if __name__ == "__main__":
    main()
