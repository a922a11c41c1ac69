from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from compiler.tune import canonical
from compiler.tune.store import Store
from tests.compiler.tune.tunables import Landscape, key_for
from tests.test_layout import ROOT

COMMAND = [sys.executable, "-m", "tests.compiler.tune.a_process"]


def start(folder: Path, *size: str, **options: Any) -> subprocess.Popen[str]:
    command = [*COMMAND, str(folder / "store"), str(folder / "log"), *size]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def said(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return dict(json.loads(out))


def built(folder: Path) -> list[str]:
    """A line a candidate built: the process and the candidate."""
    log = folder / "log"
    return log.read_text().splitlines() if log.exists() else []


def wait_for(folder: Path, number: int, process: subprocess.Popen[str]) -> None:
    while len(built(folder)) < number and process.poll() is None:
        time.sleep(0.002)


def test_two_processes_that_tune_one_key_search_it_once(tmp_path: Path) -> None:
    both = [start(tmp_path) for _ in range(2)]

    first, second = (said(process) for process in both)

    assert sorted([first["fresh"], second["fresh"]]) == [False, True]
    assert first["winner"] == second["winner"]
    assert len({line.split()[0] for line in built(tmp_path)}) == 1
    assert Store(tmp_path / "store").read(key_for(Landscape())) is not None


def test_processes_that_tune_other_keys_do_not_wait_for_each_other_to_end(tmp_path: Path) -> None:
    three = [start(tmp_path, size) for size in ("256", "512", "1024")]

    found = [said(process) for process in three]

    assert [tuned["fresh"] for tuned in found] == [True] * 3
    assert len(list(Store(tmp_path / "store").rows())) == 3
    order = [line.split()[0] for line in built(tmp_path)]
    assert sum(one != other for one, other in pairwise(order)) > 6


def journal_of(folder: Path) -> list[dict[str, Any]]:
    """The journal's whole lines, or nothing where there is none."""
    return [
        json.loads(line.partition(b" ")[2])
        for path in (folder / "store").rglob("*.journal")
        for line in path.read_bytes().split(b"\n")[:-1]
    ]


def test_kill_9_at_random_points_loses_at_most_the_candidate_in_flight(tmp_path: Path) -> None:
    rng = random.Random(5)
    kills = 0
    before: list[dict[str, Any]] = []
    for _ in range(8):
        lines = len(built(tmp_path))
        process = start(tmp_path)
        wait_for(tmp_path, lines + rng.randint(1, 7), process)
        time.sleep(rng.uniform(0, 0.02))
        process.kill()
        process.communicate()
        kills += process.returncode == -signal.SIGKILL

        after = journal_of(tmp_path)
        known = {canonical.text(record["candidate"]) for record in after if record["kind"] in ("trial", "end")}
        tried = [line.partition(" ")[2] for line in built(tmp_path)[lines:]]
        assert after[: len(before)] == before
        assert set(tried[:-1]) <= known
        before = after

    last = said(start(tmp_path))

    row = Store(tmp_path / "store").read(key_for(Landscape()))
    assert kills >= 6
    assert row is not None and last["saved"]
    assert last["resumed"] >= len(before) - 1
    kept = {canonical.text(entry["candidate"]): entry.get("repetitions", 0) for entry in row.trials}
    recorded: Counter[str] = Counter()
    for record in before:
        recorded[canonical.text(record.get("candidate"))] += len(record.get("samples", []))
    assert all(kept[name] >= samples for name, samples in recorded.items() if samples)
    assert not [entry for entry in row.trials if "the process ended" in entry.get("reason", "")]


def test_who_waited_goes_on_where_the_killed_one_was(tmp_path: Path) -> None:
    first = start(tmp_path)
    wait_for(tmp_path, 4, first)
    second = start(tmp_path)
    wait_for(tmp_path, 8, first)
    first.kill()
    first.communicate()

    after = said(second)

    assert (after["fresh"], after["saved"]) == (True, True)
    assert after["resumed"] > 0


def test_a_candidate_that_ends_the_process_is_left_out_in_the_end(tmp_path: Path) -> None:
    ended = []
    for _ in range(3):
        process = start(tmp_path, "512", "deadly")
        process.communicate()
        ended.append(process.returncode)

    last = said(start(tmp_path, "512", "deadly"))

    assert ended == [-signal.SIGABRT] * 3
    assert last["counts"]["infeasible"] >= 1
    row = Store(tmp_path / "store").read(key_for(Landscape()))
    assert row is not None
    assert "the process ended 3 times while it was tried" in [entry.get("reason") for entry in row.trials]


def test_a_signal_from_the_keyboard_leaves_a_journal_to_go_on_from(tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_for(tmp_path, 6, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    after = said(start(tmp_path))

    assert process.returncode == -signal.SIGINT
    assert err.strip().endswith("KeyboardInterrupt")
    assert after["resumed"] > 0
    assert after["winner"]["tile"] == 64


def test_a_file_that_may_not_grow_ends_what_is_kept_and_not_the_tuning(tmp_path: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, resource.RLIM_INFINITY))

    tuned = said(start(tmp_path, preexec_fn=small_files))
    again = said(start(tmp_path))

    assert (tuned["saved"], tuned["winner"]["tile"]) == (False, 64)
    assert (again["saved"], again["fresh"]) == (True, True)
    assert again["resumed"] > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_a_full_disk_ends_what_is_kept_and_not_the_tuning() -> None:
    with tempfile.TemporaryDirectory(prefix="tune-full-") as folder:
        script = f'mount -t tmpfs -o size=256k tmpfs "{folder}" && exec "{sys.executable}" -m "$0" "{folder}"'
        command = ["unshare", "--mount", "sh", "-c", script, "tests.compiler.tune.full_disk"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["saved"] == [False, True]
    assert report["kept"] == [".journal", ".lock"]
    assert report["better"]
    assert report["resumed"] > 0
    assert report["runs"][1] < report["runs"][0]
    assert report["read"]
