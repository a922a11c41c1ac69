from __future__ import annotations

from pathlib import Path

import pytest

from compiler.tune.__main__ import main
from compiler.tune.store import Store
from compiler.tune.tuner import Tuner
from tests.compiler.tune.tunables import QUICK, ClaimedTime, Landscape, key_for


def test_a_store_is_listed_with_what_is_damaged_and_what_is_unfinished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tunable, store = Landscape(), Store(tmp_path)
    tuner = Tuner(store, budget=QUICK, watch=ClaimedTime())
    tuner.tune(tunable, key_for(tunable))
    tuner.tune(tunable, key_for(tunable, n=1024))
    assert main([str(tmp_path)]) == 0
    whole = capsys.readouterr().out.splitlines()
    store.path(key_for(tunable)).write_text("{}")
    store.path(key_for(tunable, n=1024)).with_suffix(".journal").touch()

    code = main([str(tmp_path)])

    said = capsys.readouterr().out
    assert len(whole) == 2
    assert any("transpose n=1024 float32  fused=" in line and "Imagined 9000 580.159.03" in line for line in whole)
    assert code == 1
    assert "damaged, it is not a row of format 1" in said
    assert "a run that has not ended" in said


def test_a_folder_without_a_store_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none")]) == 2

    assert "nothing was tuned here" in capsys.readouterr().err
