"""The threads that steps run on, made by a compiled step itself: who only serves needs no compiler and no other library."""

from __future__ import annotations

import ctypes
import weakref
from pathlib import Path
from typing import Protocol

from compiler.backends.cpu import toolchain
from compiler.backends.cpu.isa import Variant
from compiler.backends.cpu.library import SPINS


class Pool(Protocol):
    """Threads of one set of headers, for every step that was compiled from the same: a `Library` has them, too."""

    variant: Variant
    pool: int


class Threads:
    """A pool without kernels around it."""

    def __init__(self, compiled: Path, variant: Variant, *, threads: int, spins: int = SPINS) -> None:
        """By the step in the object `compiled`. Raises ToolchainError, or RuntimeError where the system grants no threads."""
        if threads < 1:
            raise ValueError(f"{threads} threads: at least 1")
        native = toolchain.load(compiled)
        native.pool_new.restype, native.pool_new.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_int]
        native.pool_delete.restype, native.pool_delete.argtypes = None, [ctypes.c_void_p]
        self.variant, self.threads = variant, threads
        self.pool: int = native.pool_new(threads, spins)
        if not self.pool:
            raise RuntimeError(f"the system grants no {threads} threads; give fewer, or raise the limit of processes")
        self._end = weakref.finalize(self, native.pool_delete, self.pool)

    def close(self) -> None:
        """Ends the threads; nothing may be called afterwards."""
        self._end()
