"""The program itself: its key, its lock, many at once, and killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audit.merkle import consistency_ranges
from audit.witness.__main__ import main
from audit.witness.client import NotCosigned, cosign
from audit.witness.cosignature import Witness
from cell.witness_key import WitnessKey
from tests.audit.logs import Log
from tests.audit.witness.asking import Asked, request
from tests.audit.witness.conftest import Start


def test_of_many_at_once_each_size_is_cosigned_once(start: Start, log: Log) -> None:
    asked = start()
    asked.add(request(log, 0, 1))
    bodies = {new: [request(log, old, new) for old in range(1, new)] for new in range(2, 12)}

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(asked.add, [body for new in bodies for body in bodies[new]] * 3))

    statuses = [answer.status for answer in answers]
    assert set(statuses) <= {200, 409} and 1 <= statuses.count(200) <= 10
    told = [int(answer.body) for answer in answers if answer.status == 409]
    final = int(asked.add(request(log, 0, 1)).body)
    assert max(told) <= final <= 11


def test_the_client_finds_the_size_and_checks_the_answer(start: Start, witness: Witness, log: Log) -> None:
    url = start().url

    def path(new: int, old: int) -> list[bytes]:
        return Log(log.signer, log.workspace, log.bodies[:new]).path(consistency_ranges(old, new)) if old else []

    for new in (7, 9):
        line, at = cosign(url, witness.key, log.checkpoint(new), old=0, proof=lambda old, new=new: path(new, old))  # type: ignore[misc]
        assert line.startswith(f"— {witness.key.name} ") and at > 0
    with pytest.raises(NotCosigned) as refused:
        cosign(url, witness.key, log.checkpoint(9), old=9, proof=lambda _: [bytes(32)])
    assert refused.value.status == 422
    with pytest.raises(NotCosigned):
        cosign(url, Witness("other", b"o" * 32).key, log.checkpoint(9), old=9, proof=lambda _: [])
    with pytest.raises(NotCosigned):
        cosign("http://127.0.0.1:9", witness.key, log.checkpoint(9), old=9, proof=lambda _: [])


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"

    assert main(["init", "--home", str(home), "--name", "witness.example.org/1"]) == 0
    WitnessKey.parse(capsys.readouterr().out)
    assert (home / "key").stat().st_mode & 0o777 == 0o600
    assert main(["init", "--home", str(home), "--name", "witness.example.org/1"]) == 1
    for mode, text in ((0o644, None), (0o600, "PRIVATE+KEY+x+00000000+AAAA"), (0o600, "")):
        (home / "key").chmod(mode)
        if text is not None:
            (home / "key").write_text(text)
        assert main(["run", "--home", str(home), "--log", Log().signer.vkey, "--port", "0"]) == 1


class Program:
    """The witness in a process of its own."""

    def __init__(self, home: Path, log: Log) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "audit.witness", "run", "--home", home, "--log", log.signer.vkey, "--port", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        self.asked = Asked(int(self.said.rpartition(":")[2] or 0))

    def end(self, number: int) -> int:
        os.kill(self.process.pid, number)
        self.process.communicate(timeout=30)
        return self.process.returncode


def test_killed_at_any_moment_it_forgets_nothing_that_it_answered(tmp_path: Path) -> None:
    chance, log = random.Random(5), Log().grow(400)
    main(["init", "--home", str(tmp_path), "--name", "witness.example.org/1"])
    known = kills = 0
    while kills < 8:
        program = Program(tmp_path, log)
        told = int(program.asked.add(request(log, 0, 1)).body) if known else 0
        assert told in (known, known + 1), "what was answered is kept, and at most the one that was not"
        known = told
        fork = Log(log.signer, log.workspace, [log.entry(), *log.bodies[1:]])
        assert not known or program.asked.add(request(fork, known, known + 1)).status == 422
        for _ in range(chance.randrange(1, 5)):
            assert program.asked.add(request(log, known, known + 1)).status == 200
            known += 1
        with ThreadPoolExecutor(1) as pool:
            pending = pool.submit(program.asked.add, request(log, known, known + 1))
            if chance.random() < 0.5:
                pending.exception()
            program.end(signal.SIGKILL)
            kills += 1
            known += pending.exception() is None and pending.result().status == 200

    program = Program(tmp_path, log)
    assert program.end(signal.SIGTERM) == 0


def test_one_folder_has_one_witness(tmp_path: Path) -> None:
    log = Log()
    main(["init", "--home", str(tmp_path), "--name", "witness.example.org/1"])
    first = Program(tmp_path, log)

    second = Program(tmp_path, log)

    assert second.said == "" and second.process.wait(30) == 1
    assert "another witness runs" in second.process.communicate()[1]
    assert first.end(signal.SIGTERM) == 0
