"""What memory gives to a reader: bytes a second, of more than any cache holds, by kernels of ours that only add up."""

from __future__ import annotations

import ctypes
import tempfile
from pathlib import Path
from time import perf_counter

import torch

from compiler.backends.cpu import isa, toolchain

_BYTES = 256 << 20
_TRIES = 9
_SOURCE = """\
#include <cstdint>
#include <thread>
#include <vector>
#include "simd.h"
using namespace kernels;

// Eight streams a thread, each a line at a time with the lines to come asked for: one stream alone does not keep memory busy.
static void add_up(const char* from, long bytes, int32_t* out) {
  constexpr int STREAMS = 8;
  constexpr long AHEAD = 4096;
  const long each = bytes / STREAMS / 64 * 64;
  I sums[STREAMS] = {};
  for (long at = 0; at < each; at += 64)
    for (int stream = 0; stream < STREAMS; stream++) {
      const char* line = from + stream * each + at;
      __builtin_prefetch(line + AHEAD, 0, 2);
      for (int part = 0; part < 64; part += W * 4) sums[stream] += load((const int32_t*)(line + part));
    }
  for (int stream = 1; stream < STREAMS; stream++) sums[0] += sums[stream];
  store(out, sums[0]);
}

extern "C" __attribute__((visibility("default"))) void read_all(const char* from, long bytes, int threads, int32_t* out) {
  std::vector<std::thread> others;
  const long each = bytes / threads / 4096 * 4096;
  for (int t = 1; t < threads; t++) others.emplace_back([=] { add_up(from + t * each, each, out + t * W); });
  add_up(from, each, out);
  for (auto& other : others) other.join();
}
"""


def read_bytes_per_second(threads: int) -> float:
    """The best of a few tries. Raises ToolchainError where there is no compiler."""
    with tempfile.TemporaryDirectory(prefix="bw-bench-") as folder:
        native = toolchain.load(toolchain.build({"read.cpp": _SOURCE}, Path(folder), isa.best()))
        native.read_all.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_int, ctypes.c_void_p]
        native.read_all.restype = None
        memory = torch.ones(_BYTES, dtype=torch.uint8)
        out = torch.zeros(threads * 16, dtype=torch.int32)
        best = float("inf")
        for _ in range(_TRIES):
            began = perf_counter()
            native.read_all(memory.data_ptr(), _BYTES, threads, out.data_ptr())
            best = min(best, perf_counter() - began)
        return _BYTES / best
