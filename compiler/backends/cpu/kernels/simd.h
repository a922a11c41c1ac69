// Vectors of W float32 or int32 lanes, for one instruction set a compilation.
//
// The arithmetic is written with the vector extensions of GCC and Clang, which every target has; what an instruction set does
// better stands here and in dot.h alone. W is 16 with AVX-512, 8 with AVX2 and 4 in the portable variant. Rounding and integer
// arithmetic give the same bits in every variant; float sums differ by their order and by fused multiply-add.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#endif

namespace kernels {

#if defined(__AVX512F__)
constexpr int W = 16;
#elif defined(__AVX2__)
constexpr int W = 8;
#else
constexpr int W = 4;
#endif

typedef float F __attribute__((vector_size(W * 4)));
typedef int32_t I __attribute__((vector_size(W * 4)));
typedef uint32_t U __attribute__((vector_size(W * 4)));
typedef uint16_t U16 __attribute__((vector_size(W * 2)));
typedef uint8_t U8 __attribute__((vector_size(W)));
typedef uint16_t bf16;  // the upper half of a float32

namespace unaligned {
typedef float F __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef int32_t I __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef uint16_t U16 __attribute__((vector_size(W * 2), aligned(2), may_alias));
typedef uint8_t U8 __attribute__((vector_size(W), aligned(1), may_alias));
}  // namespace unaligned

#define INLINE inline __attribute__((always_inline))

INLINE F splat(float x) { return x - F{}; }
INLINE I splat(int32_t x) { return x - I{}; }
INLINE I bits(F x) { return (I)x; }
INLINE F floats(I x) { return (F)x; }
INLINE F to_float(I x) { return __builtin_convertvector(x, F); }
INLINE F bigger(F a, F b) {  // b where one of them is NaN
#if defined(__AVX512F__)
  return (F)_mm512_max_ps((__m512)a, (__m512)b);
#else
  return a > b ? a : b;
#endif
}
INLINE I bigger(I a, I b) { return a > b ? a : b; }
INLINE F smaller(F a, F b) { return a < b ? a : b; }

// To the nearest integer, ties to even, for |x| < 2^31.
INLINE I rounded(F x) {
#if defined(__AVX512F__)
  return (I)_mm512_cvtps_epi32((__m512)x);
#elif defined(__AVX2__)
  return (I)_mm256_cvtps_epi32((__m256)x);
#elif defined(__SSE2__)
  return (I)_mm_cvtps_epi32((__m128)x);
#else
  I out;
  for (int i = 0; i < W; i++) out[i] = (int32_t)std::nearbyint(x[i]);
  return out;
#endif
}

INLINE F load(const float* p) { return *(const unaligned::F*)p; }
INLINE I load(const int32_t* p) { return *(const unaligned::I*)p; }
// Compilers widen and narrow vectors by halves; the instructions do it at once.
INLINE F load(const bf16* p) {
#if defined(__AVX512F__)
  return (F)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p)), 16);
#elif defined(__AVX2__)
  return (F)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p)), 16);
#else
  return (F)(__builtin_convertvector(*(const unaligned::U16*)p, U) << 16);
#endif
}
INLINE void store(float* p, F x) { *(unaligned::F*)p = x; }
INLINE void store(int32_t* p, I x) { *(unaligned::I*)p = x; }

// float32 to bfloat16 to the nearest, ties to even; NaN stays NaN. In integers, because the instruction flushes denormals.
INLINE void store(bf16* p, F x) {
  U u = (U)x;
  U nearest = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  U nan = (u >> 16) | 0x40u;
  U out = (I)(x != x) ? nan : nearest;
#if defined(__AVX512F__)
  _mm256_storeu_si256((__m256i*)p, _mm512_cvtepi32_epi16((__m512i)out));
#else
  *(unaligned::U16*)p = __builtin_convertvector(out, U16);
#endif
}

// Lanes from 0 to 255 as bytes.
INLINE void store(uint8_t* p, I x) {
#if defined(__AVX512F__)
  _mm_storeu_si128((__m128i*)p, _mm512_cvtepi32_epi8((__m512i)x));
#else
  *(unaligned::U8*)p = __builtin_convertvector(x, U8);
#endif
}

// The first n lanes, n from 1 to W; the others are zero and their memory is not touched.
template <class T>
INLINE F load(const T* p, long n) {
  if (n >= W) return load(p);
  T some[W] = {};
  std::memcpy(some, p, n * sizeof(T));
  return load(some);
}

template <class T, class V>
INLINE void store(T* p, V x, long n) {
  if (n >= W) return store(p, x);
  T some[W];
  store(some, x);
  std::memcpy(p, some, n * sizeof(T));
}

INLINE float to_float(bf16 x) {
  uint32_t u = (uint32_t)x << 16;
  float f;
  std::memcpy(&f, &u, 4);
  return f;
}

// Lane i becomes x[i ^ S].
template <int S, class V>
INLINE V crossed(V x) {
#if defined(__clang__)
  V out;
  for (int i = 0; i < W; i++) out[i] = x[i ^ S];
  return out;
#else
  I from;
  for (int i = 0; i < W; i++) from[i] = i ^ S;
  return __builtin_shuffle(x, from);
#endif
}

// Sums and maxima of all lanes, by halves.
template <class V, class Join>
INLINE V joined(V x, const Join& join) {
#if defined(__AVX512F__)
  x = join(x, crossed<8>(x));
#endif
#if defined(__AVX2__)
  x = join(x, crossed<4>(x));
#endif
  x = join(x, crossed<2>(x));
  return join(x, crossed<1>(x));
}
INLINE float sum(F x) {
  return joined(x, [](F a, F b) { return a + b; })[0];
}
INLINE float biggest(F x) {
  return joined(x, [](F a, F b) { return bigger(a, b); })[0];
}
INLINE int32_t biggest(I x) {
  return joined(x, [](I a, I b) { return bigger(a, b); })[0];
}

// Lane i becomes a[i] + a[i ^ S] where bit S of i is clear, else b[i] + b[i ^ S].
template <int S>
INLINE F fold(F a, F b) {
#if defined(__clang__)
  F out;
  for (int i = 0; i < W; i++) out[i] = i & S ? b[i] + b[i ^ S] : a[i] + a[i ^ S];
  return out;
#else
  I here, there;
  for (int i = 0; i < W; i++) {
    here[i] = i & S ? W + i : i;
    there[i] = i & S ? W + (i ^ S) : i ^ S;
  }
  return __builtin_shuffle(a, b, here) + __builtin_shuffle(a, b, there);
#endif
}

// The sums of W vectors of which the first half of v has each two, folded; v is overwritten.
INLINE F sums_of_pairs(F (&v)[W]) {
  for (int i = 0; i < W / 2; i += 2) v[i / 2] = fold<2>(v[i], v[i + 1]);
#if defined(__AVX2__)
  for (int i = 0; i < W / 4; i += 2) v[i / 2] = fold<4>(v[i], v[i + 1]);
#endif
#if defined(__AVX512F__)
  v[0] = fold<8>(v[0], v[1]);
#endif
  return v[0];
}

// The sums of W vectors, vector i's in lane i; v is overwritten.
INLINE F sums(F (&v)[W]) {
  for (int i = 0; i < W; i += 2) v[i / 2] = fold<1>(v[i], v[i + 1]);
  return sums_of_pairs(v);
}

// Lane i of vector j and lane j of vector i change places.
template <int S>
INLINE void exchange(F (&v)[W]) {
  for (int i = 0; i < W; i++) {
    if (i & S) continue;
    F &a = v[i], &b = v[i | S];
#if defined(__clang__)
    F first = a, second = b;
    for (int l = 0; l < W; l++)
      if (l & S)
        first[l] = b[l ^ S];
      else
        second[l] = a[l | S];
#else
    I low, high;
    for (int l = 0; l < W; l++) {
      low[l] = l & S ? W + (l ^ S) : l;
      high[l] = l & S ? W + l : l | S;
    }
    F first = __builtin_shuffle(a, b, low), second = __builtin_shuffle(a, b, high);
#endif
    a = first, b = second;
  }
}

INLINE void transpose(F (&v)[W]) {
  exchange<1>(v);
  exchange<2>(v);
#if defined(__AVX2__)
  exchange<4>(v);
#endif
#if defined(__AVX512F__)
  exchange<8>(v);
#endif
}

}  // namespace kernels
