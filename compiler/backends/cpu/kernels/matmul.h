// out[m, n] = sum over k of x[m, k] * w[n, k], with w packed once into the order in which it is read.
//
// A packed weight is [N / 64][K / GROUP][64] words of 32 bits, each of GROUP neighbours along K (dot.h), padded with zeros in N
// to whole tiles and in K to whole words (layout.py packs it). A thread reads its tiles from end to end, each byte once for up
// to ROWS rows, so that up to about 8 rows cost what reading the weights costs. More rows take further passes over a tile,
// which then lies in the L2 cache. For prompts the rows are cut into blocks whose activations stay in the L2 cache with a tile.
#pragma once

#include "dot.h"
#include "epilogue.h"
#include "pool.h"

namespace kernels {

// A strip is what one pass keeps in registers: up to ROWS rows of SPAN vectors. AVX-512 has 32 registers, AVX2 and SSE 16.
#if defined(__AVX512F__)
constexpr int SPAN = 4, ROWS = 6;
#elif defined(__AVX2__)
constexpr int SPAN = 4, ROWS = 3;
#else
constexpr int SPAN = 4, ROWS = 2;
#endif
constexpr int PREFETCH = 4096;          // bytes ahead, with one to four rows, where memory is the limit
constexpr long L2_ROWS = 320 * 1024;    // bytes of activations in one block of rows

template <class T>
struct Rows {
  const int32_t* words;  // [rows, stride] words of GROUP elements; the padding in K meets weights of 0 and must be finite
  long stride;
  long rows;
  const float* scales = nullptr;  // Int8: [rows], x = (u8 - 128) * scale
};

template <class T>
struct Weights {
  const int32_t* words;  // [tiles][steps][64]
  long steps;            // K / GROUP, rounded up
  long tiles;
  const float* scales = nullptr;   // Int8: [tiles * 64]
  const int32_t* sums = nullptr;   // Int8: [tiles * 64] 128 * the sum of a column, what the zero point adds
};

// The sums of R rows and S vectors of a tile whose steps are `width` words apart, to out[R][V].
template <class T, int R, int S = SPAN, bool STREAMED = true>
INLINE void strip(const int32_t* x, long stride, const int32_t* w, long steps, long width, typename T::Sum* out) {
  typename T::Sum acc[R][S] = {};
  for (long k = 0; k < steps; k++, w += width) {
    if (STREAMED && R <= 4)
#pragma GCC unroll 8
      for (int line = 0; line < S * W; line += 16) __builtin_prefetch((const char*)(w + line) + PREFETCH);
    I weights[S];
#pragma GCC unroll 8
    for (int v = 0; v < S; v++) weights[v] = load(w + v * W);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const I row = splat(x[r * stride + k]);
#pragma GCC unroll 8
      for (int v = 0; v < S; v++) acc[r][v] = T::dot(acc[r][v], row, weights[v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; r++)
#pragma GCC unroll 8
    for (int v = 0; v < S; v++) out[r * V + v] = acc[r][v];
}

// The sums of `rows` rows, at most R, and a whole tile, to out[rows][V].
template <class T, int R = ROWS>
void tile_sums(int rows, const int32_t* x, long stride, const int32_t* w, long steps, typename T::Sum* out) {
  if (rows == R) {
    for (int v = 0; v < V; v += SPAN) strip<T, R>(x, stride, w + v * W, steps, TILE, out + v);
  } else if constexpr (R > 1) {
    tile_sums<T, R - 1>(rows, x, stride, w, steps, out);
  }
}

INLINE F scaled(I sum, const Rows<Int8>& x, const Weights<Int8>& w, long row, long column) {
  return to_float(sum - load(w.sums + column)) * (load(w.scales + column) * x.scales[row]);
}
template <class T>
INLINE F scaled(F sum, const Rows<T>&, const Weights<T>&, long, long) {
  return sum;
}

// The tiles `tiles` of the product, for all rows, each row and tile handed to `epilogue`.
template <class T, class Epilogue>
void matmul(const Rows<T>& x, const Weights<T>& w, Range tiles, const Epilogue& epilogue) {
  const long block = std::max<long>(ROWS, L2_ROWS / (x.stride * 4) / ROWS * ROWS);
  for (long top = 0; top < x.rows; top += block) {
    const long bottom = std::min(top + block, x.rows);
    const long passes = (bottom - top + ROWS - 1) / ROWS;
    for (long tile = tiles.begin; tile < tiles.end; tile++) {
      for (long pass = 0; pass < passes; pass++) {
        // Passes of equal height: 8 rows are 4 and 4, not 6 and 2.
        const long first = top + (bottom - top) * pass / passes, last = top + (bottom - top) * (pass + 1) / passes;
        typename T::Sum sums[ROWS * V];
        tile_sums<T>(last - first, x.words + first * x.stride, x.stride, w.words + tile * w.steps * TILE, w.steps, sums);
        for (long row = first; row < last; row++) {
          F values[V];
          for (int v = 0; v < V; v++)
            values[v] = scaled(sums[(row - first) * V + v], x, w, row, tile * TILE + v * W);
          epilogue(row, tile, values);
        }
      }
    }
  }
}

}  // namespace kernels
