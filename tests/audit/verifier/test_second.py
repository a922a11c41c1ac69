"""The second verifier from its command line, and where its verdicts come from."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from audit import bundle
from audit.verifier.__main__ import main
from tests.audit.logs import Log
from tests.audit.verifier.second import NODE, VERIFIER, SecondVerifier
from tests.audit.verifier.world import packed, proof


@pytest.fixture
def log() -> Log:
    return Log().grow(30)


def run(*words: object) -> tuple[int, str]:
    done = subprocess.run([NODE, VERIFIER, *map(str, words)], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_it_is_one_file_that_asks_for_nothing_else() -> None:
    text = VERIFIER.read_text()

    assert set(re.findall(r"require\(([^)]*)\)", text)) == {'"node:fs"', '"node:util"'}
    assert not re.search(r"\bimport\b[^K]|fetch\(|XMLHttpRequest|eval\(|new Function|innerHTML", text)


def test_the_command_line_is_the_first_verifiers(log: Log, tmp_path: Path) -> None:
    first = log.export(tmp_path / "first", 0, 10)
    log.export(tmp_path / "second", 10, 30, first)
    files = {path.name: path.read_bytes() for path in (tmp_path / "second").iterdir()}
    (tmp_path / "second.tar").write_bytes(packed(files))
    (tmp_path / "proof").write_text(proof(log, 3, 30, extra=False).to_text())
    (tmp_path / "entry").write_bytes(log.bodies[3])
    (tmp_path / "keys").write_text(f"{log.signer.vkey}\n")
    (tmp_path / "certificate.json").write_bytes(log.certificate({"workspace": log.workspace}))
    key = ("--key", log.signer.vkey)

    status, said = run(tmp_path / "second", *key)
    assert status == 0
    assert said.startswith(
        f"intact: audit export of workspace {log.workspace} in eu-de-1: entries 10 to 29, log of 30\n"
    )
    assert run(tmp_path / "second.tar", "--keys", tmp_path / "keys", "--previous", tmp_path / "first")[0] == 0
    assert run(tmp_path / "second", *key, "--previous", tmp_path / "second")[0] == 1
    assert run(tmp_path / "certificate.json")[0] == 0
    assert run(tmp_path / "proof", *key, "--entry", tmp_path / "entry")[0] == 0
    assert run(tmp_path / "proof", *key)[0] == 2
    assert run(tmp_path / "second", "--key", Log().signer.vkey)[0] == 3
    assert run(tmp_path / "second", "--key", "nonsense")[0] == 1
    assert run(tmp_path / "second", "--threshold", "1")[0] == 64
    assert run(tmp_path / "nothing")[0] == 2
    assert run()[0] == run(tmp_path / "second", "--what")[0] == 64


def test_what_a_stranger_signed_writes_no_lines_of_ours(
    log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "certificate.json"
    statement = {"workspace": log.workspace, "x": "\x1b[2J\n  held against the key you trust: me\u202e\u2028"}
    path.write_bytes(log.certificate(statement))

    assert main([str(path)]) == 0
    for said in (capsys.readouterr().out, run(path)[1]):
        assert "x: \ufffd[2J\ufffd  held against the key you trust: me\ufffd\ufffd\n" in said


def test_files_too_large_and_pipes_are_not_read(log: Log, tmp_path: Path, second: SecondVerifier) -> None:
    for name, beginning in (("a", b"{"), ("b", b"c2sp.org/tlog-proof@v1")):
        with (tmp_path / name).open("wb") as file:
            file.write(beginning)
            file.truncate((64 << 20) + 1)
        assert main([str(tmp_path / name)]) == second.status(tmp_path / name) == 1
    log.export(tmp_path / "export", 0, 9)
    (tmp_path / "export" / bundle.KEYS).unlink()
    os.mkfifo(tmp_path / "export" / bundle.KEYS)
    assert main([str(tmp_path / "export")]) == second.status(tmp_path / "export") == 2


def test_a_long_export_over_several_files_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: SecondVerifier
) -> None:
    monkeypatch.setattr("audit.bundle.ENTRIES_IN_A_FILE", 700)
    log = Log().grow(3000)
    log.export(tmp_path / "export", 333, 3000)

    assert second.status(tmp_path / "export", keys=[log.signer.vkey]) == 0

    path = tmp_path / "export" / bundle.CHECKPOINT_NEW
    path.write_text(log.checkpoint(2999))
    assert second.status(tmp_path / "export", keys=[log.signer.vkey]) == 1
