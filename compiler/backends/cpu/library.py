"""The kernels compiled for one instruction set, and a pool of threads to run them: what the tests and the tuner call.

Generated code includes the headers itself and does a whole step in one call; nothing of it goes through here.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping
from pathlib import Path

from compiler.backends.cpu import isa, toolchain
from compiler.backends.cpu.bindings import declare

ENTRIES = Path(__file__).parent / "entries"
SPINS = 1000
"""Pauses before a waiting thread sleeps: about 30 µs on a Zen 4, which is longer than a kernel's parts differ by."""


class Library:
    """Compiled kernels and their threads. Calls from several threads take turns."""

    def __init__(
        self,
        folder: Path,
        *,
        threads: int,
        variant: isa.Variant | None = None,
        spins: int = SPINS,
        knobs: Mapping[str, int] | None = None,
    ) -> None:
        """Compiles into `folder` what is not there yet, for the best instruction set of this machine or for `variant`, with the
        headers' macros as `knobs` says.

        Raises ToolchainError where there is no compiler, ValueError for a variant that this machine does not run, and
        RuntimeError where the system grants no threads.
        """
        variant = variant or isa.best()
        if variant not in isa.runnable():
            raise ValueError(
                f"this machine does not run {variant.name}; it runs {', '.join(v.name for v in isa.runnable())}"
            )
        if threads < 1 or spins < 0:
            raise ValueError(f"{threads} threads and {spins} spins: at least 1 and 0")
        self.variant, self.threads = variant, threads
        self.native: ctypes.CDLL = declare(toolchain.load(compiled(folder, variant, knobs)))
        self.pool = self.native.pool_new(threads, spins)
        if not self.pool:
            raise RuntimeError(f"the system grants no {threads} threads; give fewer, or raise the limit of processes")
        self._end = weakref.finalize(self, self.native.pool_delete, self.pool)

    def close(self) -> None:
        """Ends the threads; nothing may be called afterwards."""
        self._end()


def compiled(folder: Path, variant: isa.Variant, knobs: Mapping[str, int] | None = None) -> Path:
    """The shared object of the entries, compiled where `folder` does not have it. Raises ToolchainError."""
    sources = {path.name: path.read_text() for path in sorted(ENTRIES.iterdir()) if path.suffix in (".cpp", ".h")}
    return toolchain.build(sources, folder, variant, knobs=knobs)
