"""The whole: from a tunable and its key to a winner that is kept."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from compiler.tune import finals, search
from compiler.tune.budget import Budget
from compiler.tune.finals import Decision
from compiler.tune.journal import Journal
from compiler.tune.key import Key, library_version
from compiler.tune.knobs import Value
from compiler.tune.measure import CpuStopwatch, CudaStopwatch, Stopwatch
from compiler.tune.progress import Progress
from compiler.tune.row import CorruptRow, Row, row_from
from compiler.tune.store import Store, Unsaved
from compiler.tune.trial import Outcome
from compiler.tune.trials import Trials
from compiler.tune.tunable import Tunable

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tuned:
    winner: dict[str, Value]
    row: Row
    fresh: bool
    """Whether anything was measured now; False where the winner was known."""
    saved: bool
    """False where the disk was full: the next process tunes again."""


class Tuner:
    """Tunes one operator at a time. Safe to use from several processes on one store."""

    def __init__(
        self,
        store: Store,
        *,
        budget: Budget | None = None,
        watch: Stopwatch | None = None,
        progress: Progress | None = None,
        by: str = "",
    ) -> None:
        """`by` is kept in the rows' provenance: the id of whoever or whatever asked, never a person's name."""
        self.store = store
        self.budget = budget or Budget()
        self._watch = watch
        self._progress = progress or Progress()
        self._by = by

    def tune(self, tunable: Tunable, key: Key) -> Tuned:
        """The winner under `key`: looked up, or validated again under a new driver, or searched for.

        Raises NothingFits where no candidate can be used, OptunaMissing where the search needs it, ValueError where `key`
        was made with other knobs. Ctrl-C (KeyboardInterrupt) and a killed process lose at most the candidate in flight: the
        next call goes on from the journal.
        """
        if key.space != tunable.space.fingerprint:
            raise ValueError(f"the key of {key} was made with another space than the tunable's; make it with its space")
        with self.store.claim(key, waiting=partial(log.info, "tune.waiting", extra={"key": key.exact})):
            known = self._known(key)
            if known is not None:
                return Tuned(known.winner, known, fresh=False, saved=True)
            self._progress.begin(str(key))
            with self.store.journal(key, {"budget": asdict(self.budget)}) as journal:
                return self._run(tunable, key, journal)

    def _run(self, tunable: Tunable, key: Key, journal: Journal) -> Tuned:
        begun = datetime.now(UTC)
        watch = self._watch or (CpuStopwatch() if key.device.kind == "cpu" else CudaStopwatch())
        trials = Trials(tunable, watch, journal, partial(self.store.quiet, key.device))
        older = self.store.relative(key)
        try:
            decision = self._validated(trials, older) if older else None
            origin = "searched" if decision is None else "validated"
            if decision is None:
                decision = self._searched(trials, key, older)
        except KeyboardInterrupt:
            self._progress.end(
                f"stopped; what {len(list(trials))} candidates showed is kept, and the next run goes on from there"
            )
            raise
        provenance = {
            "origin": origin,
            "older": None if older is None else older.key["driver"],
            "by": self._by,
            "begun": begun.isoformat(timespec="seconds"),
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "budget": asdict(self.budget),
            "resumed": len(journal.records),
            "counts": trials.counts(),
            "releases": {name: library_version(name) for name in ("bailiwick", "optuna", "numpy")},
        }
        # As the next process will read it.
        row = row_from(_row(key, decision, trials, provenance).to_text(), key=key)
        return Tuned(row.winner, row, fresh=True, saved=self._save(key, row, journal))

    def _searched(self, trials: Trials, key: Key, older: Row | None) -> Decision:
        tunable, budget, progress = trials.tunable, self.budget, self._progress
        search.ready(budget)
        seeds = search.distinct([tunable.space.default, *_candidates(older), *tunable.rules(dict(key.shape))])
        kept = search.prune(trials, seeds, progress)
        search.halve(trials, kept, budget, progress)
        search.explore(trials, kept, budget, progress)
        ranking = search.settle(trials, budget, progress)
        incumbent = finals.incumbent_of(trials, kept)
        return finals.decide(trials, ranking, incumbent, budget, progress)

    def _validated(self, trials: Trials, older: Row) -> Decision | None:
        """The older winner under the new driver, or None where it does not hold and all has to be searched again."""
        default = trials.tunable.space.default
        few = search.distinct([older.winner, default, *_candidates(older)])[: self.budget.revalidation]
        kept = search.prune(trials, few, self._progress)
        self._progress.stage("validate", len(kept))
        for candidate in kept:
            trials.measure(candidate, self.budget.rungs[0], kill=self.budget.kill[0])
            self._progress.step(trials.best)
        winner = trials[older.winner]
        if winner.outcome is not Outcome.MEASURED or not trials.correct(winner.candidate):
            return None
        decision = finals.decide(trials, trials.ranked(few), winner, self.budget, self._progress)
        return decision if decision.winner is winner else None

    def _known(self, key: Key) -> Row | None:
        try:
            return self.store.read(key)
        except CorruptRow as error:
            log.warning("tune.row.corrupt", extra={"key": key.exact, "reason": str(error)})
            self._progress.begin(str(key))
            self._progress.end(str(error))
            self.store.set_aside(key)
            return None

    def _save(self, key: Key, row: Row, journal: Journal) -> bool:
        try:
            self.store.write(key, row)
        except Unsaved as error:
            log.warning("tune.row.unsaved", extra={"key": key.exact, "reason": str(error)})
            self._progress.end(str(error))
            return False
        journal.discard()
        gain = f"{1 / row.comparison.ratio:.2f}× the default" if row.comparison else "the default stays"
        self._progress.end(f"{gain}, after {len(row.trials)} candidates")
        return True


def _candidates(older: Row | None) -> list[dict[str, Value]]:
    """What an older row has to offer: its winner, whom that beat, and the other finalists."""
    return [] if older is None else [older.winner, older.incumbent, *(entry["candidate"] for entry in older.finalists)]


def _row(key: Key, decision: Decision, trials: Trials, provenance: dict[str, Any]) -> Row:
    winner, incumbent = decision.winner, decision.incumbent
    return Row(
        key=key.fields(),
        winner=winner.candidate,
        incumbent=incumbent.candidate,
        comparison=decision.comparison,
        samples=decision.samples,
        parity=winner.parity.plain() if winner.parity else {},
        finalists=decision.finalists,
        trials=[trial.summary() for trial in trials],
        provenance=provenance,
    )
