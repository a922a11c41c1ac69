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

// A strip is what one pass keeps in registers: up to ROWS rows of SPAN vectors. AVX-512 has 32 registers, AVX2 and SSE 16. The
// macros are the tuner's knobs.
#ifndef MATMUL_ROWS
#if defined(__AVX512F__)
#define MATMUL_ROWS 6
#elif defined(__AVX2__)
#define MATMUL_ROWS 3
#else
#define MATMUL_ROWS 2
#endif
#endif
#ifndef MATMUL_AHEAD
#define MATMUL_AHEAD 8192
#endif
#ifndef MATMUL_L2_ROWS
#define MATMUL_L2_ROWS 320
#endif
constexpr int SPAN = 4, ROWS = MATMUL_ROWS;
constexpr int AHEAD = MATMUL_AHEAD;  // bytes that a single pass prefetches ahead, into the L2 cache
constexpr int FEW_PASSES = 3;        // with more, arithmetic takes so long that memory needs no help
constexpr long L2_ROWS = MATMUL_L2_ROWS * 1024l;  // bytes of activations in one block of rows

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

// The products of R rows with S vectors of a tile, whose steps are `width` words apart, to sums[R][V]. At each step the next L cache
// lines from `ahead` on are prefetched.
template <class T, int R, int S = SPAN, int L = 0>
INLINE void strip(const int32_t* x, long stride, const int32_t* w, long steps, long width, typename T::Sum* sums,
                  const char* ahead = nullptr) {
  typename T::Sum acc[R][S] = {};
  for (long k = 0; k < steps; k++, w += width, ahead += L * 64) {
#pragma GCC unroll 8
    for (int line = 0; line < L; line++) __builtin_prefetch(ahead + line * 64, 0, 2);
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
    for (int v = 0; v < S; v++) sums[r * V + v] = acc[r][v];
}

// The products of `rows` rows, at most R, with a whole tile to sums[rows][V]. A single pass prefetches a little ahead; of a few
// passes the first two prefetch a half each of the next tile, so that memory is never idle: the later ones read this one from L2.
template <class T, int R = ROWS>
void tile_sums(int rows, const int32_t* x, long stride, const int32_t* w, long steps, int pass, int passes,
               typename T::Sum* sums) {
  if (rows < R) {
    if constexpr (R > 1) tile_sums<T, R - 1>(rows, x, stride, w, steps, pass, passes, sums);
    return;
  }
  constexpr int spans = V / SPAN, lines = TILE * 4 / 64 / spans;  // of a step, for each span
  for (int span = 0; span < spans; span++) {
    const int32_t* from = w + span * SPAN * W;
    typename T::Sum* to = sums + span * SPAN;
    const char* next = (const char*)(w + steps * TILE);
    if (passes == 1)
      strip<T, R, SPAN, lines>(x, stride, from, steps, TILE, to, (const char*)w + AHEAD + span * lines * 64);
    else if (pass < 2 && passes <= FEW_PASSES)
      strip<T, R, SPAN, lines / 2>(x, stride, from, steps, TILE, to, next + (pass * spans + span) * steps * (lines / 2 * 64));
    else
      strip<T, R>(x, stride, from, steps, TILE, to);
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
    const int passes = (bottom - top + ROWS - 1) / ROWS;
    // Passes of equal height: 8 rows are 4 and 4, not 6 and 2.
    const auto begin = [&](int pass) { return top + (bottom - top) * pass / passes; };
    for (long tile = tiles.begin; tile < tiles.end; tile++) {
      for (int pass = 0; pass < passes; pass++) {
        typename T::Sum sums[ROWS * V];
        tile_sums<T>(begin(pass + 1) - begin(pass), x.words + begin(pass) * x.stride, x.stride, w.words + tile * w.steps * TILE,
                     w.steps, pass, passes, sums);
        for (long row = begin(pass); row < begin(pass + 1); row++) {
          F values[V];
          for (int v = 0; v < V; v++) values[v] = scaled(sums[(row - begin(pass)) * V + v], x, w, row, tile * TILE + v * W);
          epilogue(row, tile, values);
        }
      }
    }
  }
}

}  // namespace kernels
