// RMS and layer normalization of rows, with the residual added before and bytes made after in the same pass over the cache.
#pragma once

#include "quantize.h"

namespace kernels {

struct Norm {
  const float* weight;  // [width]
  const float* bias;    // [width] for layer norm; NULL means RMS norm
  float eps;
  long width;
};

// out = norm(x [+ residual]); where a residual is given, x becomes the sum. `out` may be `x` where there is no residual.
// Returns the bits of the largest |out|, as quantize_row takes them.
INLINE int32_t normalize(const Norm& norm, float* x, const float* residual, float* out) {
  const long width = norm.width;
  F total{}, squares{};
  for (long i = 0; i < width; i += W) {
    const long n = width - i;
    F value = load(x + i, n);
    if (residual) {
      value += load(residual + i, n);
      store(x + i, value, n);
    }
    total += value;
    squares += value * value;
  }
  float mean = 0, square = sum(squares) / width;
  if (norm.bias) {
    // In a second pass: the difference of two large numbers would lose what a small variance is made of.
    mean = sum(total) / width;
    squares = F{};
    for (long i = 0; i < width; i += W) {
      const long n = width - i;
      const F value = load(x + i, n) - mean;
      squares += n >= W ? value * value : [&] {
        float lanes[W] = {};
        store(lanes, value, n);
        return load(lanes) * load(lanes);
      }();
    }
    square = sum(squares) / width;
  }
  const float scale = 1.0f / std::sqrt(square + norm.eps);
  I peak{};
  for (long i = 0; i < width; i += W) {
    const long n = width - i;
    F value = (load(x + i, n) - mean) * scale * load(norm.weight + i, n);
    if (norm.bias) value += load(norm.bias + i, n);
    // Lanes beyond the width have weight and bias 0; an infinite scale would make them NaN, but then all are.
    peak = bigger(peak, magnitude(value));
    store(out + i, value, n);
  }
  return biggest(peak);
}

// As `normalize`, to bytes [width, padded with 128 to a multiple of 4]; returns their scale. `scratch` [width].
INLINE float normalize_to_bytes(const Norm& norm, float* x, const float* residual, float* scratch, uint8_t* out) {
  const int32_t peak = normalize(norm, x, residual, scratch);
  return quantize_row(scratch, norm.width, out, peak);
}

// As `normalize`, to bfloat16 [width, padded with 0 to a multiple of 2].
INLINE void normalize_to_halves(const Norm& norm, float* x, const float* residual, float* scratch, bf16* out) {
  normalize(norm, x, residual, scratch);
  halve_row(scratch, norm.width, out);
}

}  // namespace kernels
