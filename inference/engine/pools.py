"""The threads of compiled steps: one alone for small steps, all together for large ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

from compiler.artifact.step_folder import Held
from compiler.backends.cpu import isa
from compiler.backends.cpu.isa import Variant
from compiler.native.native import Compiled, build
from compiler.native.threads import Threads

_GAIN = 1.1
"""What all threads must save, or waking them and waiting for them is not worth the cores that others could have."""
_TRIES, _LEAST, _LONGEST = 16, 4, 1.0
"""Runs of each, at most and at least, and seconds after which there are no more: on a busy machine a few say nothing."""


class Pools:
    def __init__(self, compiled: Path, variant: Variant, threads: int) -> None:
        """Made by the step in the object `compiled`. Raises ToolchainError."""
        self.alone, self.together = (Threads(compiled, variant, threads=each) for each in (1, threads))
        self._worth = 0
        """The least number of tokens for which all threads are used."""

    def fit(self, tokens: int) -> Threads:
        """Those for a step of so many tokens."""
        return self.alone if tokens < self._worth else self.together

    def measure(self, run: Callable[[int, Threads], object], ladder: Sequence[int]) -> None:
        """Finds out from what number of tokens on all threads gain, among those of `ladder`; `run` computes so many on a pool.

        By the clock, because it depends on the processor, on the sizes, and on what else the machine is doing.
        """
        if self.together.threads > 1:
            self._worth = next((tokens for tokens in ladder if self._gains(run, tokens)), 2 * ladder[-1])

    def _gains(self, run: Callable[[int, Threads], object], tokens: int) -> bool:
        best = {pool: float("inf") for pool in (self.alone, self.together)}
        started = perf_counter()
        for number in range(_TRIES):
            if number >= _LEAST and perf_counter() - started > _LONGEST:
                break
            for pool in best:
                began = perf_counter()
                run(tokens, pool)
                best[pool] = min(best[pool], perf_counter() - began)
        return best[self.alone] > _GAIN * best[self.together]


def native(held: Held, folder: Path, threads: int) -> tuple[Compiled, Pools]:
    """A step, compiled into `folder` unless it is there, and what it runs on. Raises ToolchainError."""
    variant = isa.best()
    compiled = build(held.text, folder, variant, held.knobs)
    pools = Pools(compiled, variant, threads)
    return Compiled(held.step, held.weights, pools.together, compiled), pools
