from __future__ import annotations

import io
from pathlib import Path

import pytest

from compiler.tune.progress import Progress
from compiler.tune.store import Store
from compiler.tune.tuner import Tuner
from tests.compiler.tune.tunables import QUICK, ClaimedTime, Landscape, key_for


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(stream: io.StringIO, folder: Path) -> str:
    tunable = Landscape()
    tuner = Tuner(Store(folder), budget=QUICK, watch=ClaimedTime(), progress=Progress(stream))
    tuner.tune(tunable, key_for(tunable))
    return stream.getvalue()


def test_a_terminal_shows_stages_and_ends_with_what_was_gained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")

    text = drawn(Terminal(), tmp_path)

    for stage in ("prune", "halving, 2 runs", "search", "ranking", "finals"):
        assert f"transpose n=512 float32 · {stage}" in text
    assert " · best " in text and "×)" in text
    assert text.endswith(" candidates\n")
    assert "× the default, after " in text.rpartition("\x1b[K")[2]


def test_a_narrow_terminal_gets_no_more_than_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    lines = drawn(Terminal(), tmp_path).split("\r\x1b[K")

    assert max(len(line) for line in lines[:-1]) <= 39


def test_elsewhere_nothing_is_written(tmp_path: Path) -> None:
    assert drawn(io.StringIO(), tmp_path) == ""
