"""The life of a model in a cell, from the command line: a canary beside what serves, promoted, taken back; cascades; windows."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference.engine.checkpoint import Checkpoint
from tests.bailiwick.embedded.cells import Cell, bailiwick, running
from tests.inference.engine import checkpoints


@pytest.fixture(scope="module")
def cell() -> Iterator[Cell]:
    with running() as started:
        yield started


def models(cell: Cell, *arguments: str | Path, status: int = 0) -> str:
    """What `bailiwick models` says, on the stream that goes with the status."""
    done = bailiwick("models", *arguments, "--home", cell.home)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if status == 0 else done.stderr


def ask(cell: Cell, model: str, text: str = "Hello") -> httpx.Response:
    body = {"model": model, "max_tokens": 12, "temperature": 0, "messages": [{"role": "user", "content": text}]}
    headers = {"authorization": f"Bearer {cell.info['api_key']}"}
    return httpx.post(f"{cell.info['base_url']}/v1/chat/completions", json=body, headers=headers, timeout=30)


def fingerprint(cell: Cell, model: str) -> str:
    answer = ask(cell, model)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["system_fingerprint"])


def test_a_canary_is_compared_promoted_kept_over_a_crash_and_taken_back(cell: Cell, tmp_path: Path) -> None:
    folders = [checkpoints.save_decoder(tmp_path / kind, kind) for kind in ("llama", "qwen3")]
    old, new = (f"fp_{Checkpoint.open(folder).digest()[:12]}" for folder in folders)
    models(cell, "import", folders[0], "--name", "life")
    assert "has no canary" in models(cell, "promote", "life", status=1)

    said = models(cell, "canary", "life", "--from", folders[1], "--percent", "0")
    pinned = said.split()[-1]
    assert {fingerprint(cell, "life") for _ in range(5)} == {old}
    assert fingerprint(cell, pinned) == new
    models(cell, "canary", "life", "--percent", "50")
    assert {fingerprint(cell, "life") for _ in range(40)} == {old, new}
    assert models(cell, "list").count("50.0%") == 2

    models(cell, "promote", "life")
    assert fingerprint(cell, "life") == new
    engine = cell.pids["engine"]
    shutil.rmtree(cell.home / "models" / ".checkpoints" / Checkpoint.open(folders[0]).digest())
    os.kill(engine, signal.SIGKILL)
    _until_served(cell, "life")
    assert cell.pids["engine"] != engine
    assert fingerprint(cell, "life") == new

    assert "again" in models(cell, "rollback", "life"), "its files come back from the object store"
    assert fingerprint(cell, "life") == old
    shown = cell.get("/api/deployments", cell.info["admin_key"]).json()
    (life,) = [deployment for deployment in shown if deployment["name"] == "life"]
    assert (life["revision"], life["previous"][:12]) == (5, new.removeprefix("fp_"))


def test_a_cascade_is_made_adapted_and_refused_what_it_cannot_reach(cell: Cell, tmp_path: Path) -> None:
    large = checkpoints.save_decoder(tmp_path / "large", "qwen2")
    models(cell, "import", large, "--name", "large")
    models(cell, "cascade", "fast", "--small", "demo-chat", "--large", "large", "--threshold", "1")
    assert fingerprint(cell, "fast") == fingerprint(cell, "large")

    examples = tmp_path / "examples.jsonl"
    right = ask(cell, "demo-chat").json()["choices"][0]["message"]["content"]
    _write(examples, [{"prompt": "Hello", "expected": right, "max_tokens": 12}] * 80)
    said = models(cell, "adapt", "fast", "--examples", examples)
    assert "80 of 80 examples" in said
    assert fingerprint(cell, "fast") == fingerprint(cell, "demo-chat")

    _write(examples, [{"prompt": "Hello", "expected": "something else", "max_tokens": 12}] * 80)
    assert "nothing was changed" in models(cell, "adapt", "fast", "--examples", examples, status=1)
    assert fingerprint(cell, "fast") == fingerprint(cell, "demo-chat")
    examples.write_text('{"prompt": "Hello"}\n{"promt": "Hello"}\n')
    assert "line 2" in models(cell, "adapt", "fast", "--examples", examples, status=1)
    assert "is not a cascade" in models(cell, "adapt", "large", "--examples", examples, status=1)
    absent = models(cell, "cascade", "slow", "--small", "absent", "--large", "large", status=1)
    assert "absent, which is not served" in absent


def test_a_window_is_changed_live_by_preset_or_by_its_knobs(cell: Cell, tmp_path: Path) -> None:
    knobs = tmp_path / "window.json"
    knobs.write_text(json.dumps({"batch_window_ms": 3, "max_batch_size": 4, "group_by": [], "p95_budget_ms": 90}))

    for window in ("low-latency", knobs):
        models(cell, "window", "minilm", window)
        body = {"model": "minilm", "input": "some words"}
        headers = {"authorization": f"Bearer {cell.info['api_key']}"}
        answer = httpx.post(f"{cell.info['base_url']}/v1/embeddings", json=body, headers=headers, timeout=30)
        assert answer.status_code == 200
    metrics = httpx.get(cell.info["metrics_url"], timeout=10).text
    assert 'preset="custom"' in metrics

    knobs.write_text('{"batch_window_ms": -1}')
    assert "max_batch_size is missing" in models(cell, "window", "minilm", knobs, status=1)
    assert "there is no preset" in models(cell, "window", "minilm", "hasty", status=1)


def _write(file: Path, examples: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(example) + "\n" for example in examples))


def _until_served(cell: Cell, model: str) -> None:
    # Not by asking it: an engine that is gone would open the workspace's breaker.
    deadline = time.monotonic() + 60
    while f'"{model}"' not in cell.get("/v1/models", cell.info["api_key"]).text:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_canary_is_measured_beside_what_serves_and_a_model_alone(cell: Cell, tmp_path: Path) -> None:
    folders = [checkpoints.save_decoder(tmp_path / kind, kind) for kind in ("llama", "mistral")]
    models(cell, "import", folders[0], "--name", "measured")
    pinned = models(cell, "canary", "measured", "--from", folders[1], "--percent", "0").split()[-1]
    few = "--requests", "4", "--rounds", "2", "--prompt", "4,16", "--answer", "2,5"
    picture = tmp_path / "latencies.svg"

    told = models(cell, "bench", "measured", *few, "--price-per-hour", "0.5", "--picture", str(picture))
    found = json.loads(models(cell, "bench", "measured", *few, "--json"))
    alone = json.loads(models(cell, "bench", "minilm", *few, "--json"))

    head, *lines = told.splitlines()
    assert head.split() == [
        "profile",
        "figure",
        pinned,
        f"measured.{Checkpoint.open(folders[0]).digest()[:12]}",
        "delta",
    ]
    assert len(lines) == 3 * 6
    assert picture.read_text().count("<polyline") == 6
    assert (found["ours"], found["seed"]) == (pinned, 0)
    for entry in found["profiles"]:
        assert entry["ours"]["answered"] == entry["theirs"]["answered"] == 8
        assert entry["ours"]["failed"] == {}
        assert entry["deltas"]["p50"]["low"] <= entry["deltas"]["p50"]["ratio"] <= entry["deltas"]["p50"]["high"]
        assert entry["ours"]["peak_resident"] > 100e6, "the engine's, not the command's"
        assert [len(run) for run in entry["samples"]["ours"]] == [4, 4]
    assert (alone["theirs"], {len(entry["deltas"]) for entry in alone["profiles"]}) == (None, {0})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nothing",), "serves no nothing"),
        (("demo-names",), "tags texts"),
        (("demo-chat", "--against", "minilm"), "compare two of one kind"),
        (("demo-chat", "--prompt", "9,100000"), "give at most --prompt 1,"),
    ],
)
def test_what_cannot_be_measured_is_told(cell: Cell, arguments: tuple[str, ...], says: str) -> None:
    assert says in models(cell, "bench", *arguments, status=1)
