from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import pytest

from inference.engine.deployment import Weights
from tests.bailiwick.embedded.cells import bailiwick


def test_help_names_every_command() -> None:
    text = bailiwick("--help").stdout

    names = ("up", "down", "status", "demo", "tour", "migrate", "models", "keys", "subprocessors", "verify")
    assert all(name in text for name in names)


def test_weights_are_those_that_the_engine_knows() -> None:
    """Written out in the command, which imports no engine."""
    assert "--weights {" + ",".join(get_args(Weights)) + "}" in " ".join(
        bailiwick("models", "compile", "--help").stdout.split()
    )


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["up", "--region", "moon-1"], 1, "An embedded cell can be in eu-de-1"),
        (["up", "--device", "abacus"], 1, "There is no device abacus: there is cpu, cuda, and"),
        (["up", "--device", "cpu:0"], 1, "There is no device cpu:0"),
        (["up", "--device", "cuda:one"], 1, "There is no device cuda:one"),
        (
            ["up", "--device", "cuda:99"],
            1,
            "GPUs, number 99 was asked for. Without it, start the cell with --device cpu",
        ),
        (["up", "--port", "70000"], 1, "--port 0 takes a free one"),
        (["models", "import", "/nowhere", "--name", "Bad Name"], 1, "lower-case letters"),
        (["models", "import", "/nowhere", "--name", "good"], 1, "bailiwick up"),
        (["keys", "status"], 1, "bailiwick up"),
        (["keys", "rotate-signer"], 1, "bailiwick up"),
        (["subprocessors", "show"], 1, "bailiwick up"),
        (["subprocessors", "set", "/nowhere"], 1, "/nowhere cannot be read"),
        (["status"], 3, "no cell is running"),
        (["down"], 0, "no cell was running"),
    ],
)
def test_mistakes_are_answered_in_words(tmp_path: Path, arguments: list[str], status: int, words: str) -> None:
    done = bailiwick(*arguments, "--home", tmp_path / "home")

    assert done.returncode == status
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_migrate_lists_everything_that_is_not_configured() -> None:
    done = bailiwick("migrate")

    assert done.returncode == 1
    assert {"BAILIWICK_REGION is not set", "BAILIWICK_DATABASE_URL is not set"} <= {
        line.strip(" -") for line in done.stderr.splitlines()
    }


def test_verify_passes_its_options_and_its_status_on(tmp_path: Path) -> None:
    (tmp_path / "certificate.json").write_text(json.dumps({"nothing": 1}))

    missing = bailiwick("verify", tmp_path / "absent", "--key", "a+00000000+b")
    broken = bailiwick("verify", tmp_path / "certificate.json")

    assert missing.returncode == 2
    assert broken.returncode in (1, 2)
    assert bailiwick("verify", "--help").stdout.startswith("usage: bailiwick verify")


def test_verify_needs_only_python_and_cryptography() -> None:
    code = (
        "import sys; from bailiwick.cli import main; main(['verify', '/nowhere']);"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & set(sys.argv[1:])))"
    )
    heavy = ["django", "msgspec", "psycopg", "redis", "celery", "torch", "uvicorn", "structlog"]

    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


def test_the_command_line_starts_quickly() -> None:
    began = time.monotonic()
    bailiwick("status", "--home", "/nowhere")

    assert time.monotonic() - began < 2
