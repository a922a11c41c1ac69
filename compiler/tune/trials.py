"""Every candidate of a run: each thing is tried once, written down, and looked up from then on, in this process or the next."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from compiler.tune import canonical
from compiler.tune.journal import Journal, Record
from compiler.tune.knobs import Candidate
from compiler.tune.measure import Stopwatch, paired, repeat
from compiler.tune.statistics import low
from compiler.tune.trial import Outcome, Trial
from compiler.tune.tunable import Infeasible, Parity, Runner, Tunable

_STRIKES = 3
"""Processes that ended during one candidate before it is blamed: one may have been killed from outside."""
_BUILT = 8
"""Runners kept: building may take seconds, and each may hold packed weights."""


class Trials:
    """What is known of each candidate, and the only place that builds, runs or checks one.

    A journal is played back: a question that an earlier process asked gets the answer that it got then, in the same portions, so
    that the same search takes the same way, and goes on where that process ended.
    """

    def __init__(
        self,
        tunable: Tunable,
        watch: Stopwatch,
        journal: Journal,
        quiet: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.tunable = tunable
        self.fresh = 0
        """Candidates that this process measured, checked or compared; 0 where all was known."""
        self._watch = watch
        self._journal = journal
        self._quiet = quiet
        self._known: dict[str, Trial] = {}
        self._tape: defaultdict[str, list[Record]] = defaultdict(list)
        self._runners: OrderedDict[str, Runner] = OrderedDict()
        self._recall(journal.records)

    def __getitem__(self, candidate: Candidate) -> Trial:
        trial = Trial(dict(candidate))
        return self._known.setdefault(trial.name, trial)

    def __iter__(self) -> Iterator[Trial]:
        return iter(self._known.values())

    @property
    def best(self) -> Trial | None:
        """The fastest whose results are known to be right: a wrong one sets no mark for others."""
        return min((trial for trial in self if trial.running and trial.parity), key=Trial.time, default=None)

    def ranked(self, candidates: Iterable[Candidate] | None = None) -> list[Trial]:
        """Measured trials, of `candidates` or of all, fastest first."""
        among = list(self) if candidates is None else [self[candidate] for candidate in candidates]
        return sorted((trial for trial in among if trial.outcome is Outcome.MEASURED), key=Trial.time)

    def counts(self) -> dict[str, int]:
        return dict(sorted(Counter(str(trial.outcome) for trial in self).items()))

    def prune(self, candidate: Candidate) -> bool:
        """Whether `candidate` is worth building."""
        trial = self[candidate]
        if trial.outcome is Outcome.NEW and not trial.kept and not self._replayed(trial, "kept"):
            reason = self.tunable.space.problem(candidate)
            with self._attempt(trial):
                reason = reason or self.tunable.prune(candidate)
                if reason is None:
                    self._learn(trial, "kept")
                else:
                    self._end(trial, Outcome.PRUNED, reason)
        return trial.running

    def measure(self, candidate: Candidate, repetitions: int, *, kill: float | None = None) -> Trial:
        """Runs `candidate` until it has `repetitions` samples; gives it up above `kill` times the best.

        Whoever comes out fastest is checked for parity at once.
        """
        trial = self[candidate]
        missing = repetitions - len(trial.samples)
        if trial.running and missing > 0 and not self._replayed(trial, "trial"):
            best = self.best
            limit = kill * best.time() if kill is not None and best is not None and best is not trial else None
            with self._attempt(trial):
                runner = self._runner(trial)
                with self._quiet():
                    samples = repeat(self._watch, runner, missing, limit=limit)
                slow = limit is not None and low([*trial.samples, *samples]) > limit
                self._learn(trial, "trial", samples=samples, slow=slow)
        if trial.outcome is Outcome.MEASURED and trial.time() < (self.best.time() if self.best else math.inf):
            self.correct(candidate)
        return trial

    def correct(self, candidate: Candidate) -> bool:
        """Whether the results of `candidate` are right; asked once."""
        trial = self[candidate]
        if trial.runs and trial.parity is None and not self._replayed(trial, "parity"):
            with self._attempt(trial):
                verdict = self.tunable.parity(candidate)
                parity = verdict if isinstance(verdict, Parity) else Parity(bool(verdict))
                self._learn(trial, "parity", passed=parity.passed, measures=parity.plain())
        return trial.runs and bool(trial.parity)

    def pairs(self, candidate: Candidate, incumbent: Candidate, count: int) -> tuple[list[int], list[int]] | None:
        """Nanoseconds of both, side by side, or None where the candidate failed meanwhile."""
        trial, other = self[candidate], self[incumbent]
        asked = {"incumbent": other.candidate}
        if trial.running and other.name not in trial.pairs and not self._replayed(trial, "pairs", **asked):
            with self._attempt(trial):
                runners = self._runner(trial), self._runner(other)
                with self._quiet():
                    ours, theirs = paired(self._watch, *runners, count)
                self._learn(trial, "pairs", **asked, ours=ours, theirs=theirs)
        return trial.pairs.get(other.name)

    def _runner(self, trial: Trial) -> Runner:
        name = trial.name
        if name not in self._runners:
            runner = self.tunable.build(trial.candidate)
            runner()  # whatever is done only once is done now
            self._runners[name] = runner
            if len(self._runners) > _BUILT:
                self._runners.popitem(last=False)
        self._runners.move_to_end(name)
        return self._runners[name]

    @contextmanager
    def _attempt(self, trial: Trial) -> Iterator[None]:
        """Whatever a candidate raises counts against it; that it ended the process is seen by the next one."""
        self.fresh += 1
        self._note(trial, "begin", durable=False)
        try:
            yield
        except Infeasible as error:
            self._end(trial, Outcome.INFEASIBLE, str(error))
        except Exception as error:  # noqa: BLE001  # a compiler, a driver or a kernel: anything may come, and the next candidate is tried
            self._end(trial, Outcome.INFEASIBLE, f"{type(error).__name__}: {error}")
        except BaseException:
            self._note(trial, "left", durable=False)
            raise

    def _end(self, trial: Trial, outcome: Outcome, reason: str) -> None:
        self._learn(trial, "end", outcome=str(outcome), reason=reason.partition("\n")[0][:200])

    def _learn(self, trial: Trial, kind: str, **facts: object) -> None:
        trial.learn({"kind": kind, **facts})
        self._note(trial, kind, durable=kind != "kept", **facts)

    def _note(self, trial: Trial, kind: str, *, durable: bool, **facts: object) -> None:
        self._journal.append({"kind": kind, "candidate": trial.candidate, **facts}, durable=durable)

    def _replayed(self, trial: Trial, kind: str, **facts: object) -> bool:
        """Whether an earlier process knew the answer, or that there is none; `trial` has learned it then."""
        for record in self._tape.get(trial.name, []):
            if record["kind"] == "end" or (record["kind"] == kind and facts.items() <= record.items()):
                self._tape[trial.name].remove(record)
                trial.learn(record)
                return True
        return False

    def _recall(self, records: list[Record]) -> None:
        """Sorts what earlier processes wrote by candidate. Who was in flight too often when one ended is not tried again."""
        begun: Counter[str] = Counter()
        for record in records:
            name = canonical.text(record["candidate"])
            if record["kind"] == "begin":
                begun[name] += 1
                continue
            begun.pop(name, None)
            if record["kind"] != "left":
                self._tape[name].append(record)
        for name, times in begun.items():
            if times >= _STRIKES:
                reason = f"the process ended {times} times while it was tried"
                self._tape[name].append({"kind": "end", "outcome": str(Outcome.INFEASIBLE), "reason": reason})
