// The element types of a matmul. Whatever the type, one 32-bit word holds GROUP neighbours along K: 4 int8, 2 bfloat16 or
// 1 float32. A kernel multiplies a vector of words of W columns with one word of a row, broadcast.
#pragma once

#include "simd.h"

namespace kernels {

// acc + the sum of four products of unsigned by signed bytes, exactly.
INLINE I dot_u8s8(I acc, I u8, I s8) {
#if defined(__AVX512VNNI__)
  return (I)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)u8, (__m512i)s8);
#elif defined(__AVX2__)
  // vpmaddubsw adds two products in 16 bits and saturates: taken one by one, no product (at most 255 * 128) does.
  const __m256i ones = _mm256_set1_epi16(1), even = _mm256_set1_epi16(0x00ff);
  __m256i u = (__m256i)u8, s = (__m256i)s8;
  __m256i first = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_and_si256(u, even), s), ones);
  __m256i second = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_andnot_si256(even, u), s), ones);
  return acc + (I)_mm256_add_epi32(first, second);
#else
  for (int shift = 0; shift < 32; shift += 8) acc += ((I)((U)u8 >> shift) & 255) * ((I)((U)s8 << (24 - shift)) >> 24);
  return acc;
#endif
}

// acc + the sum of two products of bfloat16. The instruction takes denormals for zero; the others do not.
INLINE F dot_bf16(F acc, I a, I b) {
#if defined(__AVX512BF16__)
  return (F)_mm512_dpbf16_ps((__m512)acc, (__m512bh)a, (__m512bh)b);
#else
  const I upper = splat((int32_t)0xffff0000);
  acc += floats((I)((U)a << 16)) * floats((I)((U)b << 16));
  return acc + floats(a & upper) * floats(b & upper);
#endif
}

struct Int8 {  // activations unsigned with zero point 128, weights signed
  static constexpr int GROUP = 4;
  typedef I Sum;
  static INLINE Sum dot(Sum acc, I row, I weights) { return dot_u8s8(acc, row, weights); }
};

struct Bf16 {
  static constexpr int GROUP = 2;
  typedef F Sum;
  static INLINE Sum dot(Sum acc, I row, I weights) { return dot_bf16(acc, row, weights); }
};

struct Float {
  static constexpr int GROUP = 1;
  typedef F Sum;
  static INLINE Sum dot(Sum acc, I row, I weights) { return acc + floats(row) * floats(weights); }
};

}  // namespace kernels
