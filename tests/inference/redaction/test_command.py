from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "inference.redaction", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)


def test_a_table_without_the_values(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear all,\nwrite to anna@example.com or 10.1.2.3\n", encoding="utf-8")

    done = run(str(file))

    header, mail, address, counts = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert header.split() == ["line", "column", "start", "end", "type", "score", "layer"]
    assert mail.split() == ["2", "10", "19", "35", "EMAIL", "0.95", "patterns"]
    assert address.split()[4] == "IP"
    assert counts == "EMAIL 1, IP 1"
    assert b"anna" not in done.stdout


def test_json_from_standard_input() -> None:
    done = run("-", "--json", stdin=b"IBAN DE89370400440532013000")

    assert json.loads(done.stdout) == {
        "findings": [{"start": 5, "end": 27, "type": "IBAN", "score": 1.0, "layer": "patterns"}],
        "counts": {"IBAN": 1},
    }


def test_nothing_found() -> None:
    assert run("-", stdin=b"hello").stdout.decode() == "Nothing found.\n"


def test_unreadable_files_are_explained(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"Gr\xfc\xdfe")

    missing = run(str(tmp_path / "none.txt"))
    latin = run(str(tmp_path / "latin.txt"))

    assert (missing.returncode, latin.returncode) == (2, 2)
    assert b"No such file" in missing.stderr
    assert b"not UTF-8 at byte 2" in latin.stderr
