"""Embedders, each in a process of its own that answers orders one at a time and waits idle while another is measured."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy

from bench.peers import packages
from bench.peers.conversation import Conversation
from bench.peers.processes import ROOT, environ

HOME = ROOT / ".cache" / "bench-embeddings"
PACKAGES = (
    "onnxruntime==1.31.1",
    "onnx==1.23.2",
    "transformers==5.23.0",
    "torch==2.13.0",
    "openvino==2026.4.1",
    "nncf==3.4.0",
)


_PYTHON = HOME / "bin" / "python"
_SCRIPT = ROOT / "bench" / "peers" / "embedder_theirs.py"


def install(folder: Path) -> None:
    """Makes the peers' environment (about 1 GB) and, of the checkpoint, their models; both are kept for the next time."""
    packages.install(HOME, PACKAGES)
    subprocess.run([_PYTHON, "-I", _SCRIPT, "export", folder, "1"], check=True, stdout=sys.stderr, env=_environ())


def _environ() -> dict[str, str]:
    """Without what would set another number of threads than asked for."""
    return {name: value for name, value in environ().items() if not name.startswith(("OMP", "MKL", "KMP"))}


class Refused(Exception):
    """The embedder does not serve this model in this precision; the message says why."""


class Embedder(Conversation):
    """One embedder's process; to be used with `with`. Texts are token ids: tokenizing is nobody's part of this."""

    def __init__(self, name: str, command: list[str | Path]) -> None:
        super().__init__(name, command, _environ())

    def seconds(self, texts: list[list[int]], batch: int) -> float:
        """Time to embed all texts in their order. `batch` is the peers' batch size; ours decides for itself. Raises Refused."""
        return float(self._ask("all", texts, batch))

    def each(self, texts: list[list[int]]) -> list[float]:
        """Time of each text alone."""
        return [float(seconds) for seconds in self._ask("each", texts, 1)]

    def vectors(self, texts: list[list[int]]) -> numpy.ndarray:
        """[texts, hidden], float32."""
        data = base64.b64decode(self._ask("vectors", texts, 1))
        return numpy.frombuffer(data, dtype="<f4").reshape(len(texts), -1)

    def _ask(self, task: str, texts: list[list[int]], batch: int) -> Any:
        answer = self.say({"task": task, "texts": texts, "batch": batch})
        if isinstance(answer, dict):
            raise Refused(answer["refused"])
        return answer


def ours(dtype: str, folder: Path, threads: int) -> Embedder:
    """Bailiwick's engine with the weights in `dtype`: as torch computes with them, or after `compiled-` as native code does."""
    return Embedder(dtype, [sys.executable, "-m", "bench.peers.embedder_ours", dtype, folder, str(threads)])


def theirs(kind: str, folder: Path, threads: int) -> Embedder:
    """After `install`: `onnx` or `onnx-int8`, `transformers-` or `openvino-` with `float32` or `bfloat16`, or `openvino-int8`."""
    # Isolated, so that it sees no module of this repository.
    return Embedder(kind, [_PYTHON, "-I", _SCRIPT, kind, folder, str(threads)])


def threads() -> int:
    return min(2, len(os.sched_getaffinity(0)))
