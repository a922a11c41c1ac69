// Rows of float32 or bfloat16 to the types that matmuls read: bytes with a scale of their own (one a row), or bfloat16.
#pragma once

#include <algorithm>

#include "epilogue.h"
#include "pool.h"

namespace kernels {

constexpr int32_t ZERO_POINT = 128;
constexpr int32_t INFINITE = 0x7f800000;  // bits of infinity: what is as large or larger is no number

template <class X>
INLINE int32_t peak_of(const X* x, long k) {
  I peak{};
  for (long i = 0; i < k; i += W) peak = bigger(peak, magnitude(load(x + i, k - i)));
  return biggest(peak);
}

// x [k] to u8 = round(x / scale) + 128 with scale = max |x| / 127; returns the scale. `out` is filled with 128 up to the next
// multiple of 4. A row with an infinity or NaN gets scale NaN, which makes all of its products NaN; a row of zeros gets 0.
// `peak` is the bits of max |x| where a kernel before has found them.
template <class X>
inline float quantize_row(const X* x, long k, uint8_t* out, int32_t peak) {
  for (long i = k; i < (k + 3) / 4 * 4; i++) out[i] = ZERO_POINT;
  if (peak >= INFINITE || peak == 0) {
    std::memset(out, ZERO_POINT, k);
    return peak == 0 ? 0.0f : NAN;
  }
  float largest;
  std::memcpy(&largest, &peak, 4);
  // Below this 127 / largest would overflow: such a row counts as one of zeros.
  if (largest < 1e-36f) {
    std::memset(out, ZERO_POINT, k);
    return 0.0f;
  }
  const float inverse = 127.0f / largest;
  for (long i = 0; i < k; i += W) store(out + i, rounded(load(x + i, k - i) * inverse) + ZERO_POINT, k - i);
  return largest / 127.0f;
}

template <class X>
INLINE float quantize_row(const X* x, long k, uint8_t* out) { return quantize_row(x, k, out, peak_of(x, k)); }

// Rows `rows` of x [rows, k] to bytes [rows, stride]. `peaks` [threads, stride_peaks], where given, are those that an epilogue
// of `threads` threads kept.
inline void quantize_rows(const float* x, long k, uint8_t* out, long stride, float* scales, Range rows,
                          const int32_t* peaks = nullptr, int threads = 0, long stride_peaks = 0) {
  for (long row = rows.begin; row < rows.end; row++) {
    int32_t peak = 0;
    for (int thread = 0; thread < threads; thread++) peak = std::max(peak, peaks[thread * stride_peaks + row]);
    if (!peaks) peak = peak_of(x + row * k, k);
    scales[row] = quantize_row(x + row * k, k, out + row * stride, peak);
  }
}

// x [k] to bfloat16, with a zero after it where k is odd.
template <class X>
INLINE void halve_row(const X* x, long k, bf16* out) {
  for (long i = 0; i < k; i += W) store(out + i, load(x + i, k - i), k - i);
  if (k % 2) out[k] = 0;
}

}  // namespace kernels
