"""The model of fencing holds, and each thing that is taken away from it is missed. docs/model/README.md relates it to the code."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.peers import missing

MODEL = Path(__file__).resolve().parents[2] / "docs" / "model" / "fencing.pml"


def search(folder: Path, *definitions: str) -> str:
    """What Spin says about every order of the model's steps."""
    for program in ("spin", "gcc"):
        if shutil.which(program) is None:
            missing(program, f"apt install {program}")
    for command in (
        ["spin", "-a", *definitions, str(MODEL)],
        ["gcc", "-O1", "-w", "-DSAFETY", "-o", "pan", "pan.c"],
    ):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    searched = subprocess.run(["./pan", "-m100000"], cwd=folder, capture_output=True, text=True, check=True)
    assert "Search not completed" not in searched.stdout or "errors: 1" in searched.stdout
    return searched.stdout


def test_nothing_is_stored_behind_a_fence_and_no_certificate_is_false(tmp_path) -> None:
    found = search(tmp_path)
    assert "errors: 0" in found, found
    assert "max search depth too small" not in found


@pytest.mark.parametrize(
    ("taken_away", "assertion"),
    [
        ("LOCKS", "refused|| !(((fence[0]"),
        ("TAKE_OVER", "!((payload||named))|| !(((certificate"),
        ("LEDGER_FIRST", "assertion violated ledger[scope]"),
    ],
)
def test_each_part_of_the_fence_is_missed(tmp_path, taken_away, assertion) -> None:
    found = search(tmp_path, f"-D{taken_away}=0")
    assert "errors: 1" in found, found
    assert assertion in found, found
