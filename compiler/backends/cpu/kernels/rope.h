// Rotary position embedding in place (RoFormer, arXiv 2104.09864): value i of a head turns with value i + half, as transformers
// has it.
#pragma once

#include "simd.h"

namespace kernels {

struct RopeTable {
  const float* cosines;  // [positions, half]
  const float* sines;    // [positions, half]
  long half;             // of the values that turn; a head's further values stay
};

// Heads [heads, head_dim] of one token.
INLINE void rotate(float* heads, long count, long head_dim, const RopeTable& table, long position) {
  const float *cosines = table.cosines + position * table.half, *sines = table.sines + position * table.half;
  for (long i = 0; i < table.half; i += W) {
    const long n = table.half - i;
    const F cosine = load(cosines + i, n), sine = load(sines + i, n);
    for (long head = 0; head < count; head++) {
      float* low = heads + head * head_dim + i;
      float* high = low + table.half;
      const F a = load(low, n), b = load(high, n);
      store(low, a * cosine - b * sine, n);
      store(high, b * cosine + a * sine, n);
    }
  }
}

}  // namespace kernels
