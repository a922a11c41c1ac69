from __future__ import annotations

import io
import json
import logging
import math
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compiler.tune import device
from compiler.tune.budget import Budget
from compiler.tune.finals import NothingFits
from compiler.tune.measure import CpuStopwatch
from compiler.tune.progress import Progress
from compiler.tune.row import row_from
from compiler.tune.search import OptunaMissing
from compiler.tune.store import Store
from compiler.tune.tunable import Parity
from compiler.tune.tuner import Tuner
from tests.compiler.tune.tunables import (
    DEVICE,
    NEXT_DRIVER,
    QUICK,
    Cheats,
    ClaimedTime,
    Equals,
    Landscape,
    Transposition,
    key_for,
)


def tuner_in(folder: Path, budget: Budget = QUICK) -> Tuner:
    return Tuner(Store(folder), budget=budget, watch=ClaimedTime(), by="job_1")


def test_real_blocks_are_tuned_faster_than_their_default(tmp_path: Path) -> None:
    tunable = Transposition()
    key = key_for(tunable, device=device.cpu())
    budget = Budget(rungs=(2, 4, 8), trials=8, finalists=2, pairs=15)
    watch = CpuStopwatch()

    tuned = Tuner(Store(tmp_path), budget=budget, watch=watch).tune(tunable, key)

    run, default = tunable.build(tuned.winner), tunable.build(tunable.space.default)
    ratios = [watch.time(run) / watch.time(default) for _ in range(9)]
    assert tuned.row.comparison is not None and tuned.row.comparison.high < 0.99
    assert statistics.median(ratios) < 0.9
    assert tunable.parity(tuned.winner)


def test_a_second_compile_reuses_every_winner_and_measures_nothing(tmp_path: Path) -> None:
    sizes = (256, 512, 1024)
    first = [
        tuner_in(tmp_path).tune(tunable, key_for(tunable, n=n)) for n, tunable in ((n, Landscape()) for n in sizes)
    ]
    silent = Landscape()

    again = [tuner_in(tmp_path).tune(silent, key_for(silent, n=n)) for n in sizes]

    assert silent.calls.total() == 0
    assert [tuned.fresh for tuned in first + again] == [True] * 3 + [False] * 3
    assert [tuned.row for tuned in again] == [tuned.row for tuned in first]


def test_a_row_says_what_was_measured_by_whom_and_why_it_won(tmp_path: Path) -> None:
    tunable = Landscape()
    key = key_for(tunable)
    tuner = tuner_in(tmp_path)

    tuned = tuner.tune(tunable, key)

    stored = json.loads(tuner.store.path(key).read_text())
    assert stored["key"]["driver"] == "580.159.03"
    assert stored["incumbent"] == tunable.space.default
    assert len(stored["samples"]["winner"]) == len(stored["samples"]["incumbent"]) == QUICK.pairs
    ratios = [a / b for a, b in zip(stored["samples"]["winner"], stored["samples"]["incumbent"], strict=True)]
    assert stored["comparison"]["ratio"] == pytest.approx(statistics.median(ratios))
    assert stored["comparison"]["high"] < 1
    assert stored["parity"] == {"max_abs": 1e-6}
    assert stored["provenance"]["by"] == "job_1"
    assert stored["provenance"]["origin"] == "searched"
    assert stored["provenance"]["counts"]["measured"] == sum(
        entry["outcome"] == "measured" for entry in stored["trials"]
    )
    assert tunable.truth(tuned.winner) < 0.6 * tunable.truth(tunable.space.default)
    assert not tuner.store.path(key).with_suffix(".journal").exists()


def test_a_wrong_candidate_ten_times_as_fast_is_stopped(tmp_path: Path) -> None:
    tunable = Cheats()

    tuned = tuner_in(tmp_path).tune(tunable, key_for(tunable))

    assert not tuned.winner["fused"]
    assert tuned.row.provenance["counts"]["wrong"] >= 1
    assert tunable.truth(tuned.winner) < tunable.truth(tunable.space.default)


def test_equals_leave_the_default_in_place(tmp_path: Path) -> None:
    winners = []
    for seed in range(20):
        tunable = Equals(noise=0.1, seed=seed)
        winners.append(tuner_in(tmp_path / str(seed)).tune(tunable, key_for(tunable)))

    changed = [tuned for tuned in winners if tuned.row.comparison is not None]
    assert len(changed) <= 1
    assert [tuned.winner for tuned in winners].count(Equals().space.default) >= 19


def test_where_all_are_wrong_the_reasons_are_counted(tmp_path: Path) -> None:
    class Broken(Landscape):
        def parity(self, candidate: Any) -> bool:  # type: ignore[override]
            return False

    tunable = Broken()

    with pytest.raises(NothingFits, match="wrong: its results are not right") as refused:
        tuner_in(tmp_path).tune(tunable, key_for(tunable))

    assert "reference backend" in str(refused.value)
    assert list(Store(tmp_path).rows()) == []


def test_an_error_that_is_no_number_is_wrong_and_can_be_read_in_the_row(tmp_path: Path) -> None:
    class Overflows(Cheats):
        def parity(self, candidate: Any) -> Parity:
            return Parity(
                not candidate["fused"], {"max_abs": math.nan if candidate["fused"] else 0.0, "peak": math.inf}
            )

    tunable = Overflows()

    tuned = tuner_in(tmp_path).tune(tunable, key_for(tunable))

    assert tuned.row.provenance["counts"]["wrong"] >= 1
    assert tuned.row.parity == {"max_abs": 0.0, "peak": "inf"}


def test_another_driver_makes_the_old_winner_a_seed(tmp_path: Path) -> None:
    tunable = Landscape()
    old = tuner_in(tmp_path).tune(tunable, key_for(tunable))
    after = Landscape(seed=1)

    tuned = tuner_in(tmp_path).tune(after, key_for(after, device=NEXT_DRIVER))

    assert tuned.fresh
    assert tuned.winner == old.winner
    assert tuned.row.provenance["origin"] == "validated"
    assert tuned.row.provenance["older"] == DEVICE.driver
    assert tuned.row.trials[0]["candidate"] == old.winner
    assert len(tuned.row.trials) <= QUICK.revalidation
    assert 0 < after.calls["build"] <= QUICK.revalidation
    assert after.calls["parity"] >= 1


def test_an_old_winner_that_no_longer_holds_is_searched_for_anew(tmp_path: Path) -> None:
    before = Landscape()
    old = tuner_in(tmp_path).tune(before, key_for(before)).winner

    class Changed(Landscape):
        def truth(self, candidate: Any) -> float:
            return super().truth(candidate) * (9 if candidate["layout"] == old["layout"] else 1)

    after = Changed()

    tuned = tuner_in(tmp_path).tune(after, key_for(after, device=NEXT_DRIVER))

    assert tuned.winner["layout"] != old["layout"]
    assert tuned.row.provenance["origin"] == "searched"
    assert old in [entry["candidate"] for entry in tuned.row.trials]
    assert after.truth(tuned.winner) < after.truth(after.space.default)


def test_an_old_winner_that_is_wrong_now_is_not_used(tmp_path: Path) -> None:
    before = Landscape()
    old = tuner_in(tmp_path).tune(before, key_for(before)).winner

    class Wrong(Landscape):
        def parity(self, candidate: Any) -> bool:  # type: ignore[override]
            return bool(candidate["tile"] != old["tile"])

    after = Wrong()

    tuned = tuner_in(tmp_path).tune(after, key_for(after, device=NEXT_DRIVER))

    assert tuned.winner["tile"] != old["tile"]


def test_other_knobs_than_the_keys_are_refused(tmp_path: Path) -> None:
    tunable = Landscape()

    with pytest.raises(ValueError, match="made with another space"):
        tuner_in(tmp_path).tune(tunable, replace(key_for(tunable), space="0" * 64))


def test_a_corrupt_row_is_put_aside_said_and_tuned_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tunable = Landscape()
    key, tuner = key_for(tunable), tuner_in(tmp_path)
    tuner.tune(tunable, key)
    path = tuner.store.path(key)
    path.write_bytes(damaged := path.read_bytes().replace(b'"tile":64', b'"tile":32'))

    with caplog.at_level(logging.WARNING):
        tuned = tuner.tune(tunable, key)

    assert tuned.fresh
    assert path.with_suffix(".corrupt").read_bytes() == damaged
    assert row_from(path.read_text(), key=key) == tuned.row
    assert caplog.messages == ["tune.row.corrupt"]
    assert "its digest does not fit" in caplog.records[0].reason  # type: ignore[attr-defined]


def test_ctrl_c_keeps_what_is_known(tmp_path: Path) -> None:
    class Interrupted(Landscape):
        def run(self, candidate: Any) -> int:
            if self.calls["run"] == 60:
                raise KeyboardInterrupt
            return super().run(candidate)

    whole, tunable, after = (kind(noise=0, spikes=0) for kind in (Landscape, Interrupted, Landscape))
    key = key_for(tunable)
    expected = tuner_in(tmp_path / "whole").tune(whole, key)
    with pytest.raises(KeyboardInterrupt):
        tuner_in(tmp_path / "stopped").tune(tunable, key)

    tuned = tuner_in(tmp_path / "stopped").tune(after, key)

    again = QUICK.rungs[-1] + whole.calls["build"]
    assert after.calls["run"] <= whole.calls["run"] - 60 + again
    assert tuned.row.provenance["resumed"] > 0
    assert (tuned.winner, tuned.row.trials) == (expected.winner, expected.row.trials)


def test_an_interrupt_says_that_what_is_known_is_kept(tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    class Interrupted(Landscape):
        def run(self, candidate: Any) -> int:
            raise KeyboardInterrupt

    terminal = Terminal()
    tuner = Tuner(Store(tmp_path), budget=QUICK, watch=ClaimedTime(), progress=Progress(terminal))

    with pytest.raises(KeyboardInterrupt):
        tuner.tune(Interrupted(), key_for(Landscape()))

    assert "transpose n=512 float32: stopped; what 7 candidates showed is kept" in terminal.getvalue()


def test_without_optuna_the_search_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    tunable = Landscape()

    with pytest.raises(OptunaMissing, match=r"pip install 'bailiwick\[compiler\]'"):
        tuner_in(tmp_path / "a").tune(tunable, key_for(tunable))

    by_rules = tuner_in(tmp_path / "b", replace(QUICK, trials=0)).tune(tunable, key_for(tunable))
    assert tunable.truth(by_rules.winner) < tunable.truth(tunable.space.default)


def test_known_winners_are_read_without_optuna_and_torch() -> None:
    heavy = "('optuna', 'torch', 'sqlalchemy')"
    code = f"import sys, compiler.tune.tuner; print([name for name in {heavy} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
