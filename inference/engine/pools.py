"""The threads of compiled steps: one alone for small steps, all together for large ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeVar

from compiler.artifact.step_folder import Held
from compiler.backends.cpu import isa
from compiler.backends.cpu.isa import Variant
from compiler.native.native import Compiled, build
from compiler.native.threads import Threads

T = TypeVar("T")
_GAIN = 1.05
"""What all threads must save, or waking them and waiting for them is not worth the cores that others could have."""
_TRIES, _LEAST, _LONGEST = 16, 4, 1.0
"""Runs of each, at most and at least, and seconds after which there are no more: on a busy machine a few say nothing."""
_LOOKS, _LOOK = 5, 2
"""Looks at the other way that are believed together, and the steps of one: threads that slept are awake in the last."""
_APART, _AT_FIRST, _SHARE = 32, 8, 0.02
"""Steps between two looks, at least; that until enough were had, for a machine is busy when it starts; and the part of the time
that looking may cost."""
_FAR = 3.0
"""One thread that takes so many times as long is never looked at: somebody waits for that step."""


class Choice:
    """Between one thread and all, for steps of about as many tokens. What else the machine does changes, so it looks again:
    some steps go the other way, and the steps beside them say which is faster."""

    def __init__(self, gain: float) -> None:
        """`gain` is how many times as long one thread took as all of them."""
        self.together = gain > _GAIN
        """Whether all threads are the faster way, as far as is known."""
        self._seen: deque[float] = deque([gain], maxlen=_LOOKS)
        self._beside = 0, 0.0
        """Tokens and seconds of the last step on the way that is taken."""
        self._looking = 0
        """Steps that are left of this look."""
        self._cost = self._waited = 0.0
        self._apart = 0

    def all(self, tokens: int) -> bool:
        """Whether the next step, of so many tokens, is for all threads; to be followed by `took`."""
        if not self._looking and self._is_due(tokens):
            self._looking, self._cost = _LOOK, 0.0
        return self.together != bool(self._looking)

    def took(self, tokens: int, seconds: float) -> None:
        """How long that step was."""
        if not self._looking:
            self._beside = tokens, seconds
            self._apart += 1
            self._waited += seconds
            return
        before, own = self._beside
        self._cost += max(0.0, seconds - own)
        self._looking -= 1
        if self._looking:
            return
        self._apart, self._waited = 0, 0.0
        if not _alike(tokens, before):
            return
        other = seconds * before / tokens
        self._seen.append(other / own if self.together else own / other)
        if len(self._seen) == _LOOKS and (median(self._seen) > _GAIN) != self.together:
            self.together = not self.together

    def _is_due(self, tokens: int) -> bool:
        return (
            _alike(tokens, self._beside[0])
            and self._apart >= (_APART if len(self._seen) == _LOOKS else _AT_FIRST)
            and self._cost <= _SHARE * self._waited
            and not (self.together and median(self._seen) > _FAR)
        )


def _alike(tokens: int, others: int) -> bool:
    return abs(tokens - others) * 8 <= tokens


class Pools:
    def __init__(self, compiled: Path, variant: Variant, threads: int) -> None:
        """Made by the step in the object `compiled`. Raises ToolchainError."""
        self.alone, self.together = (Threads(compiled, variant, threads=each) for each in (1, threads))
        self._choices: dict[int, Choice] = {}
        """By the most tokens of a step."""

    def run(self, tokens: int, step: Callable[[Threads], T]) -> T:
        """A step of so many tokens, on those that are best for it."""
        choice = next((choice for most, choice in self._choices.items() if tokens <= most), None)
        if choice is None:
            return step(self.together)
        pool = self.together if choice.all(tokens) else self.alone
        began = perf_counter()
        result = step(pool)
        choice.took(tokens, perf_counter() - began)
        return result

    def measure(self, run: Callable[[int, Threads], object], ladder: Sequence[int]) -> None:
        """Finds out from what number of tokens on all threads gain, among those of `ladder`; `run` computes so many on a pool.

        By the clock, because it depends on the processor, on the sizes, and on what else the machine is doing.
        """
        self._choices = {}
        for tokens in ladder if self.together.threads > 1 else ():
            choice = Choice(self._gain(run, tokens))
            self._choices[tokens] = choice
            if choice.together:
                break

    def _gain(self, run: Callable[[int, Threads], object], tokens: int) -> float:
        best = {pool: float("inf") for pool in (self.alone, self.together)}
        started = perf_counter()
        for number in range(_TRIES):
            if number >= _LEAST and perf_counter() - started > _LONGEST:
                break
            for pool in best:
                began = perf_counter()
                run(tokens, pool)
                best[pool] = min(best[pool], perf_counter() - began)
        return best[self.alone] / best[self.together]


def native(held: Held, folder: Path, threads: int) -> tuple[Compiled, Pools]:
    """A step, compiled into `folder` unless it is there, and what it runs on. Raises ToolchainError."""
    variant = isa.best()
    compiled = build(held.text, folder, variant, held.knobs)
    pools = Pools(compiled, variant, threads)
    return Compiled(held.step, held.weights, pools.together, compiled), pools
