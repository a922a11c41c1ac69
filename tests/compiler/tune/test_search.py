from __future__ import annotations

import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.tune import search
from compiler.tune.budget import Budget
from compiler.tune.finals import decide, incumbent_of
from compiler.tune.journal import Journal
from compiler.tune.progress import Progress
from compiler.tune.suggestions import Suggestions
from compiler.tune.trial import Outcome
from compiler.tune.trials import Trials
from tests.compiler.tune.tunables import QUICK, Cheats, ClaimedTime, Equals, Landscape


def trials_of(tunable: Landscape, folder: Path, name: str = "run") -> Trials:
    return Trials(tunable, ClaimedTime(), Journal(folder / f"{name}.journal", {"kind": "begin"}), nullcontext)


def seeds_of(tunable: Landscape) -> list[Any]:
    return search.distinct([tunable.space.default, *tunable.rules({"n": 512})])


def searched(tunable: Landscape, folder: Path, budget: Budget = QUICK) -> Trials:
    trials = trials_of(tunable, folder)
    kept = search.prune(trials, seeds_of(tunable), Progress())
    search.halve(trials, kept, budget, Progress())
    search.explore(trials, kept, budget, Progress())
    search.settle(trials, budget, Progress())
    return trials


def test_halving_keeps_the_best_and_spends_little_on_the_rest(tmp_path: Path) -> None:
    tunable = Landscape(noise=0.01, spikes=0)
    trials = trials_of(tunable, tmp_path)
    seeds = seeds_of(tunable)

    alive = search.halve(trials, seeds, Budget(), Progress())

    fastest = min(seeds, key=tunable.truth)
    assert alive[0] == fastest
    assert len(trials[fastest].samples) == 30
    assert tunable.calls["run"] < 0.7 * 30 * len(seeds)
    assert len(trials[max(seeds, key=tunable.truth)].samples) <= 3


def test_the_search_beats_its_seeds(tmp_path: Path) -> None:
    tunable = Landscape()

    trials = searched(tunable, tmp_path)

    best = trials.best
    assert best is not None
    assert tunable.truth(best.candidate) < 0.75 * min(map(tunable.truth, seeds_of(tunable)))
    assert len(list(trials)) <= len(seeds_of(tunable)) + QUICK.trials


def test_what_the_static_check_rules_out_is_never_built(tmp_path: Path) -> None:
    tunable = Landscape()
    trials = trials_of(tunable, tmp_path)
    spilling = {**tunable.space.default, "tile": 256, "layout": "c"}
    too_large = {**tunable.space.default, "tile": 256, "stages": 16}

    assert search.prune(trials, [spilling, too_large, tunable.space.default], Progress()) == [tunable.space.default]

    assert tunable.calls["build"] == 0
    assert [trials[each].reason for each in (spilling, too_large)] == ["spills 64 bytes", "not tile * stages <= 1024"]


def test_what_cannot_be_built_is_counted_with_its_reason(tmp_path: Path) -> None:
    tunable = Landscape()
    trials = trials_of(tunable, tmp_path)

    trial = trials.measure({**tunable.space.default, "tile": 128, "fused": True}, 3)

    assert (trial.outcome, trial.samples) == (Outcome.INFEASIBLE, [])
    assert trial.reason == "needs 300 kB of shared memory, there are 227"
    assert trials.counts() == {"infeasible": 1}


def test_whatever_a_runner_raises_counts_against_it_alone(tmp_path: Path) -> None:
    class Breaks(Landscape):
        def run(self, candidate: Any) -> int:
            return super().run(candidate) // int(candidate["fused"])

    tunable = Breaks()
    trials = trials_of(tunable, tmp_path)

    assert trials.measure(tunable.space.default, 3).reason == "ZeroDivisionError: integer division or modulo by zero"
    assert trials.measure({**tunable.space.default, "fused": True}, 3).outcome is Outcome.MEASURED


def test_a_wrong_candidate_sets_no_mark_and_never_wins(tmp_path: Path) -> None:
    tunable = Cheats()

    trials = searched(tunable, tmp_path)
    incumbent = incumbent_of(trials, seeds_of(tunable))
    decision = decide(trials, trials.ranked(), incumbent, QUICK, Progress())

    assert not decision.winner.candidate["fused"]
    assert decision.winner is not incumbent
    assert trials.counts()["wrong"] >= 1
    assert all(not entry["candidate"]["fused"] for entry in decision.finalists)
    assert all(trial.parity for trial in trials if trial.candidate == decision.winner.candidate)


def test_equals_hardly_ever_replace_an_incumbent(tmp_path: Path) -> None:
    runs = 60

    accepted = 0
    for run in range(runs):
        tunable = Equals(noise=0.1, seed=run)
        trials = trials_of(tunable, tmp_path, str(run))
        seeds = seeds_of(tunable)
        for seed in seeds:
            trials.measure(seed, 3)
        decision = decide(trials, trials.ranked(), trials[seeds[0]], Budget(margin=0, seed=run), Progress())
        accepted += decision.winner is not decision.incumbent

    # One side of 95 % for five finalists together is 2.5 %; three standard errors above that.
    assert accepted / runs <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / runs)


@pytest.mark.parametrize("stop", [5, 20, 60, 100])
def test_a_run_goes_on_from_its_journal_without_asking_twice(tmp_path: Path, stop: int) -> None:
    searched(Landscape(seed=1), tmp_path)
    lines = (tmp_path / "run.journal").read_bytes().splitlines(keepends=True)
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "run.journal").write_bytes(b"".join(lines[:stop]))

    again = searched(Landscape(seed=2), tmp_path / "again")

    after = (tmp_path / "again" / "run.journal").read_bytes().splitlines(keepends=True)
    assert after[:stop] == lines[:stop]
    assert len(again.ranked()) > 0
    asked = [line for line in after if b'"kind":"trial"' in line]
    assert len(asked) == len(set(asked))


def test_a_run_that_ended_is_played_back_without_running_anything(tmp_path: Path) -> None:
    first = searched(Landscape(), tmp_path)
    silent = Landscape()

    again = searched(silent, tmp_path)

    assert (silent.calls.total(), again.fresh) == (0, 0)
    assert [trial.summary() for trial in again] == [trial.summary() for trial in first]


def test_a_candidate_that_ends_its_process_three_times_is_not_tried_again(tmp_path: Path) -> None:
    tunable = Landscape()
    for _ in range(3):
        with Journal(tmp_path / "run.journal", {"kind": "begin"}) as journal:
            journal.append({"kind": "begin", "candidate": tunable.space.default}, durable=False)

    trials = trials_of(tunable, tmp_path)

    assert trials.measure(tunable.space.default, 3).reason == "the process ended 3 times while it was tried"
    assert tunable.calls.total() == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_suggestions_are_valid_new_and_the_same_for_a_seed(seed: int) -> None:
    tunable = Landscape()

    def asked() -> list[dict[str, Any]]:
        suggestions = Suggestions(tunable.space, seed)
        suggestions.tell(tunable.space.default, 1e6)
        found = []
        for number in range(15):
            candidate = suggestions.ask()
            assert candidate is not None
            found.append(candidate)
            suggestions.tell(candidate, tunable.truth(candidate) if number % 5 else None)
        return found

    once = asked()

    assert once == asked()
    assert len(search.distinct(once)) == 15
    assert all(tunable.space.problem(candidate) is None for candidate in once)


def test_a_small_space_is_asked_through_and_then_ends() -> None:
    tunable = Landscape()
    space = type(tunable.space)({"fused": tunable.space.knobs["fused"], "layout": tunable.space.knobs["layout"]})
    suggestions = Suggestions(space, 0)

    found = []
    while (candidate := suggestions.ask()) is not None:
        found.append(candidate)
        suggestions.tell(candidate, 1.0)

    assert len(found) == len(search.distinct(found)) == space.size
