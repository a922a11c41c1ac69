// What becomes of a tile's sums before they are stored: bias, activation, residual, type, and the peak for quantizing next.
#pragma once

#include <algorithm>

#include "functions.h"

namespace kernels {

constexpr int TILE = 64;        // columns of a packed tile
constexpr int V = TILE / W;     // vectors of a tile's row
constexpr int INTERLEAVE = 16;  // gate and up columns alternate by this many in the weights of a gated layer

enum class Activation { NONE, GELU, GELU_TANH, RELU, SILU_GATE, GELU_TANH_GATE };

constexpr bool gated(Activation activation) {
  return activation == Activation::SILU_GATE || activation == Activation::GELU_TANH_GATE;
}

template <Activation A>
INLINE F activate(F x) {
  if (A == Activation::GELU) return gelu(x);
  if (A == Activation::GELU_TANH || A == Activation::GELU_TANH_GATE) return gelu_tanh(x);
  if (A == Activation::RELU) return relu(x);
  if (A == Activation::SILU_GATE) return silu(x);
  return x;
}

// The largest |x| of lanes as float bits, which order as integers do, with infinity and NaN above every number.
INLINE I magnitude(F x) { return bits(x) & 0x7fffffff; }

// out = activation(sums + bias) + residual; where the activation is gated, activation(gate + bias) * (up + bias) + residual, of
// half as many columns as the weights have.
template <class Out, Activation A = Activation::NONE>
struct Epilogue {
  Out* out;                         // [rows, stride]
  long stride;                      // elements from row to row, of `out` and of `residual`
  long columns;                     // of `out`
  const float* bias = nullptr;      // [columns of the weights], in their order; padded to whole tiles
  const Out* residual = nullptr;    // [rows, stride]; may be `out`
  int32_t* peaks = nullptr;         // [rows] of this thread, raised to the magnitude of what is stored

  // Row `row` of tile `tile`.
  void operator()(long row, long tile, F (&sums)[V]) const {
    constexpr int width = gated(A) ? TILE / 2 : TILE;
    if (bias)
      for (int v = 0; v < V; v++) sums[v] += load(bias + tile * TILE + v * W);
    F done[V];
    if (gated(A)) {
      constexpr int step = INTERLEAVE / W;  // vectors
      for (int v = 0; v < V / 2; v++) {
        int gate = v / step * 2 * step + v % step;
        done[v] = activate<A>(sums[gate]) * sums[gate + step];
      }
    } else {
      for (int v = 0; v < V; v++) done[v] = activate<A>(sums[v]);
    }
    const long first = row * stride + tile * width;
    const long left = columns - tile * width;
    I peak{};
    for (int v = 0; v < width / W && v * W < left; v++) {
      const long n = std::min<long>(left - v * W, W);
      F value = done[v];
      if (residual) value += load(residual + first + v * W, n);
      store(out + first + v * W, value, n);
      if (peaks) {
        // Lanes beyond the columns must not count.
        float lanes[W] = {};
        store(lanes, value, n);
        peak = bigger(peak, magnitude(load(lanes)));
      }
    }
    if (peaks) peaks[row] = std::max(peaks[row], biggest(peak));
  }
};

}  // namespace kernels
