"""Looks through this process's own memory."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy

CHUNK = 8 << 20


def runs_in_memory(step: int, least: int = 64) -> int:
    """Runs of at least `least` 64-bit words that each differ from the one before by `step`, anywhere in writable memory.

    A run is recognised by its differences, so that what is looked for is not itself in memory.
    """
    found = 0
    window = mmap.mmap(-1, CHUNK)
    words = numpy.frombuffer(window, dtype=numpy.uint64)
    own = words.ctypes.data
    memory = os.open("/proc/self/mem", os.O_RDONLY)
    try:
        for line in Path("/proc/self/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            low, high = (int(part, 16) for part in span.split("-"))
            if "rw" not in rights or low <= own < high:
                continue
            for start in range(low, high, CHUNK):
                try:
                    size = os.preadv(memory, [memoryview(window)[: min(CHUNK, high - start)]], start)
                except OSError:
                    continue
                same = numpy.diff(words[: size // 8]) == numpy.uint64(step)
                edges = numpy.flatnonzero(numpy.diff(numpy.concatenate(([0], same.view(numpy.int8), [0]))))
                found += int((edges[1::2] - edges[::2] >= least).sum())
    finally:
        os.close(memory)
    return found
