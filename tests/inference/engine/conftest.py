from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from inference.engine.making import Made
from tests.compiler.backends.triton.process import interpreting
from tests.inference.engine import artifacts, checkpoints

torch.set_num_threads(1)


class EngineProcess:
    """An engine process of its own, and the events of its log."""

    def __init__(self, folder: Path, models: Path, *options: str) -> None:
        self.socket = folder / "engine.sock"
        self._log = folder / "engine.log"
        command = [sys.executable, "-m", "inference.engine", "--socket", str(self.socket), "--models", str(models)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--threads", "1", *options], stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}
            )

    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log_text().splitlines() if line.startswith("{")]

    def log_text(self) -> str:
        return self._log.read_text()

    def wait_for(self, event: str, timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        pid_seen = False
        while time.monotonic() < deadline:
            names = [entry["event"] for entry in self.events()]
            pid_seen = any(entry.get("pid") == self.process.pid for entry in self.events())
            if pid_seen and event in names[max(i for i, name in enumerate(names) if name == "engine.listening") :]:
                return
            assert self.process.poll() is None, f"the engine ended: {self.log_text()}"
            time.sleep(0.05)
        pytest.fail(f"no {event} within {timeout_s} s: {self.log_text()}")

    def peak_rss_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(45)


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints `chat` (may end), `endless` (never does), `embed` (MiniLM) and `broken` (a pickle file)."""
    folder = tmp_path_factory.mktemp("models")
    checkpoints.save_decoder(folder / "chat", "llama")
    checkpoints.save_decoder(folder / "endless", "qwen2", never_ends=True)
    (folder / "embed").symlink_to(checkpoints.minilm())
    (folder / "broken").mkdir()
    (folder / "broken" / "config.json").write_text('{"architectures": ["LlamaForCausalLM"], "hidden_size": 0}')
    return folder


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint that `made` is of."""
    return checkpoints.save_decoder(tmp_path_factory.mktemp("source"), "llama", never_ends=True)


@pytest.fixture(scope="session")
def made(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """An artifact, which nobody changes."""
    return artifacts.made(source, tmp_path_factory.mktemp("artifacts"))


@pytest.fixture
def start_engine(models_folder: Path) -> Iterator[Callable[..., EngineProcess]]:
    """Starts engine processes over `models_folder` (or another) and ends them all."""
    running: list[EngineProcess] = []
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:

        def start(*options: str, models: Path = models_folder, ready: bool = True) -> EngineProcess:
            engine = EngineProcess(Path(folder), models, *options)
            running.append(engine)
            if ready:
                engine.wait_for("engine.ready")
            return engine

        yield start
        for engine in running:
            if engine.process.poll() is None:
                engine.process.kill()
                engine.process.wait()


@pytest.fixture(scope="module")
def engine(models_folder: Path) -> Iterator[EngineProcess]:
    """One engine for the tests that leave it as it was."""
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        shared = EngineProcess(Path(folder), models_folder, "--max-running", "8", "--max-waiting", "16")
        shared.wait_for("engine.ready")
        yield shared
        assert shared.stop() == 0


@pytest.fixture(scope="module")
def interpret() -> Iterator[Callable[..., Any]]:
    """Calls a function where Triton interprets: in a process of the module's own, for what it patches there stays."""
    with interpreting() as pool:
        yield lambda function, *args: pool.submit(function, *args).result()
