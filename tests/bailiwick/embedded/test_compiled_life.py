"""The life of a compiled model in a cell: compiled, compared, moved on from stage to stage, promoted, and taken back by hand or by
a guard, each on the record. Faults are planted where they would come from: in the compiler that made the code, or in its file."""

from __future__ import annotations

import json
import os
import secrets
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bailiwick.embedded.home import Home
from bailiwick.models import sizes_seen
from inference.engine.checkpoint import Checkpoint
from inference.engine.tokenizer import Tokenizer
from tests.bailiwick.embedded.cells import Cell, running, until
from tests.bailiwick.embedded.test_models_life import ask, fingerprint, models
from tests.inference.engine import artifacts, checkpoints

pytestmark = [pytest.mark.filterwarnings("ignore::FutureWarning"), pytest.mark.timeout(400)]
SAID = "".join(secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(40))
"""What callers say, which is to be found nowhere."""
Plant = Callable[[str, str, str], str]
QUICK = ("--hold", "1", "--least", "5", "--stages", "25,50,100")


@pytest.fixture(scope="module")
def cell() -> Iterator[Cell]:
    with running() as started:
        _without_limits(started)
        yield started


def _without_limits(cell: Cell) -> None:
    """Those of the workspace are not what is tried here."""
    info = cell.info
    url = f"{info['base_url']}/api/workspaces/{info['workspace']}/serving-policy"
    headers = {"authorization": f"Bearer {info['admin_key']}"}
    etag = httpx.get(url, headers=headers, timeout=30).headers["etag"]
    changed = httpx.patch(url, json={"requests_per_minute": 60_000}, headers={**headers, "if-match": etag}, timeout=30)
    assert changed.status_code == 200, changed.text


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoints.save_decoder(tmp_path_factory.mktemp("source") / "chat", "llama", never_ends=True)


def imported(cell: Cell, source: Path, name: str) -> str:
    """Serves the checkpoint under a name of this test's own; its fingerprint."""
    models(cell, "import", source, "--name", name)
    return f"fp_{Checkpoint.open(source).digest()[:12]}"


@pytest.fixture(scope="module")
def address(cell: Cell, source: Path) -> str:
    """Of an artifact of the checkpoint, which is served as `life`."""
    imported(cell, source, "life")
    assert "there is no artifact int8" in models(cell, "canary", "life", "--compiled", "int8", status=1)
    return compiled(cell, "life")


@pytest.fixture
def plant(cell: Cell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Serves a checkpoint of an architecture of its own under a name, and plants a fault in the compiler; its fingerprint."""

    def planted(name: str, architecture: str, fault: str) -> str:
        reference = imported(cell, checkpoints.save_decoder(tmp_path / name, architecture, never_ends=True), name)
        monkeypatch.setenv("CXX", str(artifacts.compiler(tmp_path, fault)))
        return reference

    return planted


def compiled(cell: Cell, name: str, *options: str) -> str:
    """The artifact's address as far as it is shown."""
    return models(cell, "compile", name, *options).split()[0]


def deployment(cell: Cell, name: str) -> dict[str, Any]:
    shown = cell.get("/api/deployments", cell.info["admin_key"]).json()
    (one,) = [deployment for deployment in shown if deployment["name"] == name]
    return dict(one)


def share(cell: Cell, name: str) -> float | None:
    """Of the canary, now and then; None without one."""
    time.sleep(0.3)
    versions = deployment(cell, name)["versions"]
    return float(versions[1]["share"]) if len(versions) > 1 else None


def entries(cell: Cell, name: str) -> list[dict[str, Any]]:
    """What the cell's own log says of the model, oldest first."""
    operator = json.loads((cell.home / "secrets" / "operator.json").read_text())
    with psycopg.connect(operator["BAILIWICK_AUDITOR_DATABASE_URL"]) as auditor:
        rows = auditor.execute("select body from audit_entry where tree = 'cell' order by id").fetchall()
    bodies = [json.loads(bytes(body)) for (body,) in rows]
    return [body for body in bodies if body["targets"] == [name]]


@contextmanager
def traffic(cell: Cell, name: str) -> Iterator[list[tuple[str, int]]]:
    """Somebody asks all the time, with texts of their own; when and what they were answered."""
    seen: list[tuple[str, int]] = []
    stop = threading.Event()

    def work(number: int) -> None:
        info = cell.info
        headers = {"authorization": f"Bearer {info['api_key']}"}
        with httpx.Client(base_url=info["base_url"], headers=headers, timeout=30) as client:
            while not stop.is_set():
                text = f"{SAID} {number} of {len(seen)}"
                messages = [{"role": "user", "content": text}]
                body = {"model": name, "max_tokens": 12, "temperature": 0, "messages": messages}
                answer = client.post("/v1/chat/completions", json=body)
                seen.append((str(answer.json().get("system_fingerprint")), answer.status_code))
                time.sleep(0.02)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_it_is_compared_gets_more_and_more_and_is_promoted_over_crashes_and_taken_back(
    cell: Cell, source: Path, address: str
) -> None:
    reference = f"fp_{Checkpoint.open(source).digest()[:12]}"
    said = models(cell, "canary", "life", "--compiled", "as-they-are", *QUICK)
    assert f"life.{address}" in said
    assert fingerprint(cell, f"life.{address}") == f"fp_{address}"
    assert "stage 1 of 4" in models(cell, "list")

    with traffic(cell, "life") as seen:
        until(lambda: (share(cell, "life") or 0) >= 0.25, within_s=60)
        # The truth is a row: who moves it and who serves it may die.
        for process in ("worker", "engine"):
            os.kill(cell.pids[process], signal.SIGKILL)
        until(lambda: share(cell, "life") is None, within_s=150)
    assert {status for _, status in seen} <= {200, 503}
    assert {version for version, status in seen if status == 200} == {reference, f"fp_{address}"}
    assert fingerprint(cell, "life") == f"fp_{address}"
    shown = deployment(cell, "life")
    assert shown["versions"][0]["artifact"].startswith(address) and shown["stages"] is None
    assert "compiled, weights as-they-are" in models(cell, "list")
    # What an artifact for a GPU would be made for: answers of one or two, and prompts.
    seen_sizes = sizes_seen(Home(cell.home).engine_socket, "life")
    assert seen_sizes[1] > 0 and max(seen_sizes) > 2

    assert "again" in models(cell, "rollback", "life")
    assert fingerprint(cell, "life") == reference
    told = [
        (each["action"], (each["after"] or {}).get("stage"), each["after"].get("cause"))
        for each in entries(cell, "life")
    ]
    assert told == [
        ("model.imported", None, None),
        ("model.deployed", None, None),
        ("model.compiled", None, None),
        ("model.deployed", 0, None),
        *(("model.deployed", stage, "stage-held") for stage in (1, 2, 3)),
        ("model.deployed", None, "stage-held"),
        ("model.deployed", None, None),
    ]
    for earlier, later in zip(entries(cell, "life")[3:], entries(cell, "life")[4:], strict=False):
        assert {**later["before"], "cause": None} == {**earlier["after"], "cause": None}


def test_what_is_served_or_the_newest_of_its_kind_is_not_pruned(cell: Cell, address: str) -> None:
    assert models(cell, "prune", "--dry-run").strip() == "0 artifacts would go"
    assert models(cell, "prune").strip() == "0 artifacts removed"

    assert address in models(cell, "canary", "life", "--compiled", "as-they-are", "--percent", "0")
    models(cell, "rollback", "life")


def test_nothing_that_was_said_is_in_the_cells_caches_or_in_anything_of_a_model(cell: Cell) -> None:
    """After the texts of a canary's whole life: neither as text nor as tokens, in any file of the home but the database's."""
    ids = Tokenizer(checkpoints.tokenizer(), None).encode(SAID)[4:12]
    needles = (SAID[8:28].encode(), struct.pack("<8q", *ids), struct.pack("<8i", *ids))
    read = 0
    for file in cell.home.rglob("*"):
        if file.is_file() and cell.home / "pg" not in file.parents:
            content = file.read_bytes()
            read += ".artifacts" in str(file) and file.suffix == ".so"
            assert not any(needle in content for needle in needles), file
    assert read >= 1


def test_a_wrong_kernel_is_stopped_by_parity(cell: Cell, plant: Plant) -> None:
    plant("wrong", "qwen2", artifacts.WRONG)

    said = models(cell, "compile", "wrong", status=1)

    assert "is not what the checkpoint means" in said and "It was not kept" in said
    assert "there is no artifact" in models(cell, "canary", "wrong", "--compiled", "as-they-are", status=1)
    last = entries(cell, "wrong")[-1]
    assert (last["action"], last["after"]["passed"]) == ("model.compiled", False)
    figures = last["after"]["parity_millionths"]
    assert figures["error"] > figures["allowed"]


def test_a_slow_kernel_is_stopped_by_the_canary(cell: Cell, plant: Plant) -> None:
    reference = plant("slow", "qwen3", artifacts.SLOW)
    compiled(cell, "slow")
    models(cell, "canary", "slow", "--compiled", "as-they-are", "--hold", "3600")

    with traffic(cell, "slow") as seen:
        until(lambda: share(cell, "slow") is None, within_s=60)

    assert set(seen) == {(reference, 200)}, "nobody heard it"
    _guarded(cell, "slow", "p95", stage=0)


def test_a_burst_of_errors_is_taken_back_within_ten_seconds(cell: Cell, tmp_path: Path, plant: Plant) -> None:
    fuse = tmp_path / "fuse"
    reference = plant("burst", "mistral", artifacts.burst(fuse))
    compiled(cell, "burst")
    models(cell, "canary", "burst", "--compiled", "as-they-are", *QUICK)

    with traffic(cell, "burst") as seen:
        until(lambda: (share(cell, "burst") or 0) >= 0.5, within_s=90)
        assert {status for _, status in seen} == {200}
        fuse.touch()
        until(lambda: any(status == 500 for _, status in seen), within_s=10)
        taken = until(lambda: share(cell, "burst") is None, within_s=10)
    assert taken < 10
    assert {fingerprint(cell, "burst") for _ in range(20)} == {reference}
    _guarded(cell, "burst", "errors", stage=deployment(cell, "burst")["revision"] - 3)


def test_a_canary_in_whose_code_the_engine_dies_is_taken_back(cell: Cell, tmp_path: Path, plant: Plant) -> None:
    fuse = tmp_path / "fuse"
    reference = plant("fatal", "llama-tied", artifacts.fatal(fuse))
    address = compiled(cell, "fatal")
    models(cell, "canary", "fatal", "--compiled", "as-they-are", "--hold", "3600")
    fuse.touch()

    ask(cell, f"fatal.{address}")
    until(lambda: share(cell, "fatal") is None, within_s=60)

    _guarded(cell, "fatal", "artifact", stage=0)
    until(lambda: ask(cell, "fatal").status_code == 200, within_s=60)
    assert fingerprint(cell, "fatal") == reference


def _guarded(cell: Cell, name: str, guard: str, *, stage: int) -> None:
    """The log says that the guard tripped, and what was taken back for it."""
    tripped, back = entries(cell, name)[-2:]
    assert (tripped["action"], tripped["after"]["guard"]) == ("model.guard-tripped", guard)
    assert (back["action"], back["after"]["cause"]) == ("model.deployed", f"guard-{guard}")
    assert tripped["after"]["stage"] == back["before"]["stage"] == stage
    assert len(back["before"]["versions"]) == 2 and len(back["after"]["versions"]) == 1
    assert tripped["actor"]["type"] == back["actor"]["type"] == "system"


def test_an_artifact_of_another_device_is_refused_and_counted_and_the_reference_serves(
    cell: Cell, source: Path, address: str
) -> None:
    """As after the cell was moved to another machine: promoted there, refused here."""
    reference = imported(cell, source, "moved")
    models(cell, "canary", "moved", "--compiled", address, "--percent", "0")
    models(cell, "promote", "moved")
    assert fingerprint(cell, "moved") == f"fp_{address}"
    file = cell.home / "models" / "moved.json"
    served = json.loads(file.read_text())
    made = cell.home / "models" / served["versions"][0]["compiled"]["path"]
    planted = artifacts.replanted(
        made, lambda fields, work: fields["fingerprint"].update(device="Another processor"), _cells_key(cell).sign
    )
    served["versions"][0]["compiled"] |= {"artifact": planted.name, "path": f".artifacts/{planted.name}"}
    operator = json.loads((cell.home / "secrets" / "operator.json").read_text())
    with psycopg.connect(operator["BAILIWICK_DATABASE_URL"]) as web:
        web.execute("update gateway_deployment set document = %s where name = 'moved'", [json.dumps(served)])
    until(lambda: planted.name in file.read_text(), within_s=30)  # the file becomes a copy of the row by itself
    os.kill(cell.pids["engine"], signal.SIGKILL)
    until(lambda: '"moved"' in cell.get("/v1/models", cell.info["api_key"]).text, within_s=60)

    assert ask(cell, "moved").status_code == 200
    listed = models(cell, "list")
    assert "its artifact is refused: the artifact is for the processor 'Another processor'" in listed
    assert "Compile the model on this host" in listed
    metrics = httpx.get(cell.info["metrics_url"], timeout=10).text
    assert 'bailiwick_artifact_refused_total{model="moved",reason="device"} 1.0' in metrics
    [slow] = [line for line in metrics.splitlines() if line.startswith('bailiwick_slow_path_total{model="moved"}')]
    assert float(slow.split()[-1]) > 0
    models(cell, "rollback", "moved")
    assert fingerprint(cell, "moved") == reference


def _cells_key(cell: Cell) -> Ed25519PrivateKey:
    from cell.config import load
    from cell.keys import open_keys

    environment = json.loads((cell.home / "secrets" / "operator.json").read_text())
    return Ed25519PrivateKey.from_private_bytes(open_keys(load(environment).keys).derive("artifact-signer"))


def test_a_model_that_embeds_is_compiled_as_well_and_goes_on_by_itself(cell: Cell) -> None:
    headers = {"authorization": f"Bearer {cell.info['api_key']}"}

    def vector(model: str, text: str) -> list[float]:
        body = {"model": model, "input": text}
        answer = httpx.post(f"{cell.info['base_url']}/v1/embeddings", json=body, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"][0]["embedding"])

    compiled(cell, "minilm", "--weights", "int8")
    models(cell, "canary", "minilm", "--compiled", "int8", *QUICK)
    reference = deployment(cell, "minilm")["versions"][0]["digest"]
    number = 0

    def promoted() -> bool:
        nonlocal number
        for _ in range(6):
            vector("minilm", f"a sentence that is the {number}th")
            number += 1
        shown = deployment(cell, "minilm")
        return len(shown["versions"]) == 1 and shown["versions"][0]["artifact"] is not None

    before = vector("minilm", "what stays the same")
    until(promoted, within_s=120)
    after = vector("minilm", "what stays the same")

    assert sum(a * b for a, b in zip(before, after, strict=True)) >= 0.999
    models(cell, "rollback", "minilm")
    shown = deployment(cell, "minilm")["versions"][0]
    assert (shown["digest"], shown["artifact"]) == (reference, None)
    assert not [body for body in entries(cell, "minilm") if body["action"] == "model.guard-tripped"]
