// Elementary functions on vectors; errors are those measured against float64 over the whole range by the tests.
#pragma once

#include "simd.h"

namespace kernels {

// e^x within 2 ulp; 0 below -87.3, infinity above 88.7, NaN for NaN. Cody-Waite reduction, polynomial of Cephes expf.
INLINE F exp(F x) {
  F clamped = x < -87.3f ? splat(-87.3f) : x;
  clamped = clamped > 88.7f ? splat(88.7f) : clamped;
  I n = rounded(clamped * 1.44269504088896341f);
  F whole = to_float(n);
  F r = clamped - whole * 0.693359375f;
  r = r - whole * -2.12194440e-4f;
  F y = r * 1.9875691500e-4f + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * (r * r) + r + 1.0f;
  // 2^n in two factors: n reaches 128, which one float's exponent does not.
  I half = n >> 1;
  y = y * floats((half + 127) << 23) * floats((n - half + 127) << 23);
  y = x < -87.3f ? F{} : y;
  return x > 88.7f ? splat(INFINITY) : y;
}

INLINE F silu(F x) { return x / (exp(-x) + 1.0f); }

INLINE F tanh(F x) { return 1.0f - 2.0f / (exp(x * 2.0f) + 1.0f); }

// Error at most 5e-7: a polynomial of x^2, fitted where erf is not yet 1, in Chebyshev points and with its variable from -1 to 1,
// so that nothing cancels. No division, no exponential.
INLINE F erf(F x) {
  constexpr float last = 3.65f;
  const F u = x * x * (2.0f / (last * last)) - 1.0f;
  F y = u * -0.00116607966f + 0.00320468121f;
  y = y * u - 0.00336575089f;
  y = y * u + 0.00497371517f;
  y = y * u - 0.0127017582f;
  y = y * u + 0.023091428f;
  y = y * u - 0.0344744846f;
  y = y * u + 0.0499678962f;
  y = y * u - 0.0692766681f;
  y = y * u + 0.0902752951f;
  y = y * u - 0.113263212f;
  y = y * u + 0.142308116f;
  y = y * u - 0.192954868f;
  y = y * u + 0.387354195f;
  y = x > last ? splat(1.0f) : y * x;
  return x < -last ? splat(-1.0f) : y;
}

INLINE F gelu(F x) { return x * 0.5f * (erf(x * 0.70710678118654752f) + 1.0f); }

INLINE F gelu_tanh(F x) { return x * 0.5f * (tanh((x + x * x * x * 0.044715f) * 0.79788456080286536f) + 1.0f); }

INLINE F relu(F x) { return x < 0.0f ? F{} : x; }  // NaN stays NaN

}  // namespace kernels
