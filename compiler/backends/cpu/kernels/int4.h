// Weights of 4 bits with a scale for every `group` neighbours along K (32 or 128), against bytes or bfloat16.
//
// A weight is (nibble - 8) * scale. A packed weight is [N / 64][K / 8][64] words of 8 nibbles: byte j of a word holds k = j in its
// low and k = 4 + j in its high nibble, so that one mask makes four bytes ready for a dot product. K is padded to whole groups
// with nibble 8 and N to whole tiles. Scales are bfloat16, [N / 64][K / group][64].
#pragma once

#include "matmul.h"
#include "quantize.h"

namespace kernels {

struct Nibbles {
  const int32_t* words;
  const bf16* scales;
  long groups;  // K / group, rounded up
  long group;   // a multiple of 8
  long tiles;
};

struct ByteRows {
  const uint8_t* bytes;  // [rows, stride], filled with 128 to whole groups
  long stride;           // a multiple of 4
  long rows;
  const float* scales;   // [rows]
  const int32_t* sums;   // [rows, groups] what the zero point of the nibbles adds to a group: 8 * the sum of (byte - 128)
};

struct HalfRows {
  const bf16* values;  // [rows, stride], filled with zeros to whole groups
  long stride;
  long rows;
};

// As many as have room in the registers for the sums of a group, the sums of all and the rows' words.
constexpr int NIBBLE_SPAN = W == 16 ? 4 : 2, NIBBLE_ROWS = W == 16 ? 3 : 1;

// For ByteRows.sums: of bytes [groups * group] to [groups].
INLINE void group_sums(const uint8_t* bytes, long group, long groups, int32_t* out) {
  for (long g = 0; g < groups; g++) {
    int32_t total = 0;
    for (long k = 0; k < group; k++) total += bytes[g * group + k];
    out[g] = 8 * (total - ZERO_POINT * (int32_t)group);
  }
}

// acc[r][v] += scale * (sum over the group), for R rows from `row` on.
template <int R>
INLINE void nibble_group(const ByteRows& x, long row, long g, const Nibbles& w, const int32_t* words, const bf16* scales,
                         F (&acc)[R][NIBBLE_SPAN]) {
  I sum[R][NIBBLE_SPAN];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < NIBBLE_SPAN; v++) sum[r][v] = splat(-x.sums[(row + r) * w.groups + g]);
  const I low = splat(0x0f0f0f0f), flip = splat((int32_t)0x80808080);
  for (long k = 0; k < w.group; k += 8, words += TILE) {
    if (R <= 2)
      for (int line = 0; line < NIBBLE_SPAN * W; line += 16) __builtin_prefetch((const char*)(words + line) + AHEAD, 0, 2);
    I first[R], second[R];
#pragma GCC unroll 4
    for (int r = 0; r < R; r++) {
      // Of the two only one may be signed; the nibbles are unsigned here, so the bytes lose their zero point.
      const int32_t* bytes = (const int32_t*)(x.bytes + (row + r) * x.stride + g * w.group + k);
      first[r] = splat(bytes[0]) ^ flip;
      second[r] = splat(bytes[1]) ^ flip;
    }
#pragma GCC unroll 4
    for (int v = 0; v < NIBBLE_SPAN; v++) {
      const I word = load(words + v * W);
      const I lows = word & low, highs = (I)((U)word >> 4) & low;
#pragma GCC unroll 4
      for (int r = 0; r < R; r++) sum[r][v] = dot_u8s8(dot_u8s8(sum[r][v], lows, first[r]), highs, second[r]);
    }
  }
  for (int v = 0; v < NIBBLE_SPAN; v++) {
    const F scale = load(scales + v * W);
    for (int r = 0; r < R; r++) acc[r][v] += to_float(sum[r][v]) * scale;
  }
}

// The value of each lane's nibble `n`, without its scale.
INLINE F nibble(I word, int n) {
#if defined(__AVX512F__)
  // A permutation looks at the lowest four bits of each lane only: the table does mask, conversion and zero point in one.
  const __m512 values = _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
  return (F)_mm512_permutexvar_ps((__m512i)((U)word >> (4 * n)), values);
#else
  return to_float((I)((U)word >> (4 * n)) & 15) - 8.0f;
#endif
}

template <int R>
INLINE void nibble_group(const HalfRows& x, long row, long g, const Nibbles& w, const int32_t* words, const bf16* scales,
                         F (&acc)[R][NIBBLE_SPAN]) {
  F sum[R][NIBBLE_SPAN] = {};
  for (long k = 0; k < w.group; k += 8, words += TILE) {
    if (R <= 2)
      for (int line = 0; line < NIBBLE_SPAN * W; line += 16) __builtin_prefetch((const char*)(words + line) + AHEAD, 0, 2);
    I word[NIBBLE_SPAN];
    for (int v = 0; v < NIBBLE_SPAN; v++) word[v] = load(words + v * W);
    const bf16* values = x.values + row * x.stride + g * w.group + k;
#pragma GCC unroll 8
    for (int n = 0; n < 8; n++) {
      const int place = n / 2 + n % 2 * 4;  // of nibble n along K
#pragma GCC unroll 4
      for (int v = 0; v < NIBBLE_SPAN; v++) {
        const F weight = nibble(word[v], n);
#pragma GCC unroll 4
        for (int r = 0; r < R; r++) sum[r][v] += weight * splat(to_float(values[r * x.stride + place]));
      }
    }
  }
  for (int v = 0; v < NIBBLE_SPAN; v++) {
    const F scale = load(scales + v * W);
    for (int r = 0; r < R; r++) acc[r][v] += sum[r][v] * scale;
  }
}

INLINE float row_scale(const ByteRows& x, long row) { return x.scales[row]; }
INLINE float row_scale(const HalfRows&, long) { return 1.0f; }

// The sums of `rows` rows from `row` on, at most R, and a whole tile, to out[rows][V].
template <class X, int R = NIBBLE_ROWS>
void nibble_sums(int rows, const X& x, long row, const Nibbles& w, long tile, F (*out)[V]) {
  if (rows == R) {
    const int32_t* words = w.words + tile * w.groups * (w.group / 8) * TILE;
    const bf16* scales = w.scales + tile * w.groups * TILE;
    for (int v = 0; v < V; v += NIBBLE_SPAN) {
      F acc[R][NIBBLE_SPAN] = {};
      for (long g = 0; g < w.groups; g++)
        nibble_group<R>(x, row, g, w, words + g * (w.group / 8) * TILE + v * W, scales + g * TILE + v * W, acc);
      for (int r = 0; r < R; r++)
        for (int s = 0; s < NIBBLE_SPAN; s++) out[r][v + s] = acc[r][s] * row_scale(x, row + r);
    }
  } else if constexpr (R > 1) {
    nibble_sums<X, R - 1>(rows, x, row, w, tile, out);
  }
}

// As matmul(Rows, …): the tiles `tiles` for all rows, each row and tile handed to `epilogue`.
template <class X, class Epilogue>
void matmul(const X& x, const Nibbles& w, Range tiles, const Epilogue& epilogue) {
  const long passes = (x.rows + NIBBLE_ROWS - 1) / NIBBLE_ROWS;
  for (long tile = tiles.begin; tile < tiles.end; tile++) {
    for (long pass = 0; pass < passes; pass++) {
      const long first = x.rows * pass / passes, last = x.rows * (pass + 1) / passes;
      F sums[NIBBLE_ROWS][V];
      nibble_sums<X>(last - first, x, first, w, tile, sums);
      for (long row = first; row < last; row++) epilogue(row, tile, sums[row - first]);
    }
  }
}

}  // namespace kernels
