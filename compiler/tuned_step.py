"""A compiled step as something with settings: those of its matrix products, which are fixed when it is compiled."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import torch

from compiler.artifact.step_folder import Held
from compiler.backends.cpu.isa import Variant
from compiler.backends.cpu.toolchain import KERNELS, ToolchainError, find_compiler
from compiler.native.native import Compiled, build, sources
from compiler.native.source import Source
from compiler.native.threads import Threads
from compiler.tune import tunable
from compiler.tune.device import cpu
from compiler.tune.key import Key, key_of, source_hash
from compiler.tune.knobs import Candidate, Choice, Knob, Range
from compiler.tune.space import Space
from compiler.tune.tunable import Infeasible, Runner

_SPAN = 4
"""Vectors of sums for each row, and of weights beside them (kernels/matmul.h)."""
_REGISTERS = {"generic": 16, "avx2": 16, "avx512": 32, "avx512_bf16": 32}
_ROWS = {"generic": 2, "avx2": 3, "avx512": 6, "avx512_bf16": 6}
"""What the kernels choose by themselves."""


class TunedStep:
    """Of one text for one instruction set, over synthetic inputs; see `compiler.tune.tunable.Tunable`."""

    def __init__(
        self,
        source: Source | Held,
        weights: Sequence[torch.Tensor],
        variant: Variant,
        folder: Path,
        *,
        threads: int,
        prove: Callable[[Compiled], tunable.Parity],
        run: Callable[[Compiled], Runner],
    ) -> None:
        """Candidates run over packed `weights`; `run` makes of one what is timed, and `prove` holds it against the truth. They are
        compiled in a folder in `folder` that goes, like their threads, when the step is closed."""
        self._source, self._weights, self._variant, self._threads = source, weights, variant, threads
        self._prove, self._run = prove, run
        self._built: dict[tuple[tuple[str, object], ...], Compiled] = {}
        self._pool: Threads | None = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(prefix=".trials-", dir=folder)
        knobs: dict[str, Knob] = {
            "MATMUL_ROWS": Range(1, 8, default=_ROWS[variant.name]),
            "MATMUL_AHEAD": Choice(0, 2048, 4096, 8192, 16384, 32768, default=8192),
            "MATMUL_L2_ROWS": Choice(96, 160, 320, 640, default=320),
        }
        self.space = Space(knobs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.close()
        self._folder.cleanup()

    def key(self, sizes: Mapping[str, int]) -> Key:
        """Under what a winner is kept: the step's text has its sizes and types, and no weight and no input."""
        headers = (path.read_text() for path in sorted(KERNELS.glob("*.h")))
        return key_of(
            "step",
            dict(sizes),
            dtype="as-written",
            layout=self._variant.name,
            device=cpu(self._threads),
            space=self.space,
            source=source_hash(
                *(text for _, text in sorted(sources(self._source.text).items())), *headers, _compiler()
            ),
        )

    def rules(self, shape: Mapping[str, int]) -> Iterable[Candidate]:
        """What is one step from the kernels' own choice."""
        return self.space.neighbours(self.space.default)[:12]

    def prune(self, candidate: Candidate) -> str | None:
        sums, registers = _SPAN * int(candidate["MATMUL_ROWS"]), _REGISTERS[self._variant.name]
        return f"{sums} vectors of sums leave none for weights" if sums + _SPAN > registers else None

    def build(self, candidate: Candidate) -> Runner:
        return self._run(self._step(candidate))

    def parity(self, candidate: Candidate) -> tunable.Parity:
        return self._prove(self._step(candidate))

    def _step(self, candidate: Candidate) -> Compiled:
        asked = tuple(sorted(candidate.items()))
        if asked not in self._built:
            self._built[asked] = self._made(candidate)
        return self._built[asked]

    def _made(self, candidate: Candidate) -> Compiled:
        try:
            compiled = build(self._source.text, Path(self._folder.name), self._variant, macros(candidate))
        except ToolchainError as error:
            raise Infeasible(str(error)) from error
        # Of the first, for all: it is the same code in each.
        self._pool = self._pool or Threads(compiled, self._variant, threads=self._threads)
        return Compiled(self._source.step, self._weights, self._pool, compiled)


def macros(candidate: Candidate) -> dict[str, int]:
    """As the kernels' headers take them."""
    return {name: int(value) for name, value in candidate.items()}


def _compiler() -> str:
    return find_compiler().version
