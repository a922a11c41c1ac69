// The next token of a row of logits: the likeliest, or the one that a given uniform number decides after temperature, top-k, top-p
// and min-p. The rules are those of the engine's own sampler (inference/engine/sampler.py).
#pragma once

#include <algorithm>
#include <vector>

#include "functions.h"

namespace kernels {

constexpr int64_t NO_TOKEN = -1, NOT_ASKED = -2;

struct Draw {
  float temperature;  // below 1e-5: the likeliest
  float top_p;        // 1 keeps all
  float min_p;        // 0 keeps all
  int32_t top_k;      // 0 keeps all
  double uniform;     // [0, 1)
};

// The largest logit's place, the first of equals. NO_TOKEN where a logit is NaN or infinity or all are minus infinity: those are a
// step that overflowed; single minus infinities are tokens that a mask forbids, or as bad where nothing is `masked`.
inline int64_t argmax(const float* logits, long n, bool masked = true) {
  const F least = splat(masked ? -INFINITY : -__FLT_MAX__);
  F top = splat(-INFINITY);
  I bad{};
  long i = 0;
  for (; i + W <= n; i += W) {
    const F x = load(logits + i);
    bad |= ~((I)(x < INFINITY) & (I)(x >= least));
    top = bigger(x, top);
  }
  float best = biggest(top);
  bool is_bad = biggest(-bad) != 0;
  for (long l = i; l < n; l++) {
    is_bad |= !(logits[l] < INFINITY && logits[l] >= least[0]);
    best = logits[l] > best ? logits[l] : best;
  }
  if (is_bad || best == -INFINITY) return NO_TOKEN;
  // By vectors up to the one that has it.
  for (i = 0; i + W <= n; i += W)
    if (biggest(-(I)(load(logits + i) == best))) break;
  return std::find(logits + i, logits + n, best) - logits;
}

// Scratch of one thread, which is zeros again when it is given back: it tells what was likely.
struct Sampler {
  std::vector<float> weights;
  std::vector<int32_t> order;

  Sampler() = default;
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;
  ~Sampler() {
    std::fill(weights.begin(), weights.end(), 0.0f);
    std::fill(order.begin(), order.end(), 0);
    // Or a compiler would see that nobody reads them.
    asm volatile("" : : "r"(weights.data()), "r"(order.data()) : "memory");
  }

  int64_t operator()(const float* logits, long n, const Draw& draw, bool masked = true) {
    const int64_t best = argmax(logits, n, masked);
    if (best == NO_TOKEN || draw.temperature < 1e-5f) return best;
    weights.resize(n + W);
    const float inverse = 1.0f / draw.temperature, top = logits[best];
    double total = 0;
    for (long i = 0; i < n; i += W) {
      const long left = std::min<long>(n - i, W);
      store(weights.data() + i, exp((load(logits + i, left) - top) * inverse));
      for (long l = 0; l < left; l++) total += weights[i + l];
    }
    const bool cut = draw.top_k > 0 || draw.top_p < 1 || draw.min_p > 0;
    return cut ? among_likeliest(n, draw, total) : among_all(n, draw.uniform * total, best);
  }

 private:
  int64_t among_all(long n, double target, int64_t best) const {
    double sum = 0;
    for (long i = 0; i < n; i++) {
      sum += weights[i];
      if (sum > target) return i;
    }
    return best;  // rounding left the target at the very end
  }

  // Weights are e^(x - largest): the likeliest has 1, so that min_p compares with them as they are.
  int64_t among_likeliest(long n, const Draw& draw, double total) {
    order.resize(n);
    long candidates = 0;
    const long k = draw.top_k > 0 ? std::min<long>(draw.top_k, n) : n;
    // What min_p forbids counts in the mass of the k likeliest all the same.
    const float least = k < n ? 0 : draw.min_p;
    for (long i = 0; i < n; i++)
      if (weights[i] > 0 && weights[i] >= least) order[candidates++] = i;
    const auto likelier = [this](int32_t a, int32_t b) {
      return weights[a] > weights[b] || (weights[a] == weights[b] && a < b);
    };
    // Sorting grows until the cut falls within what is sorted: most cuts need a few hundred tokens, not a vocabulary.
    for (long sorted = 0, wanted = 256;; wanted *= 16) {
      const long to = std::min({wanted, k, candidates});
      if (to < candidates) std::nth_element(order.begin() + sorted, order.begin() + to, order.begin() + candidates, likelier);
      std::sort(order.begin() + sorted, order.begin() + to, likelier);
      sorted = to;
      const bool whole = to == std::min(k, candidates);
      long kept = within_top_p(sorted, k, n, draw, total, whole);
      if (kept == sorted && !whole) continue;
      while (kept > 1 && weights[order[kept - 1]] < draw.min_p) kept--;
      return pick(kept, draw.uniform);
    }
  }

  // How many of the `sorted` likeliest have likelier ones that do not yet reach top_p of the mass of the k likeliest. Where k cuts
  // more than is sorted, that mass is not yet known, and all are.
  long within_top_p(long sorted, long k, long n, const Draw& draw, double total, bool whole) const {
    if (draw.top_p >= 1 || (k < n && !whole)) return sorted;
    double mass = total;
    if (k < n) {
      mass = 0;
      for (long i = 0; i < sorted; i++) mass += weights[order[i]];
    }
    double before = 0;
    for (long i = 0; i < sorted; i++) {
      if (before >= draw.top_p * mass) return std::max(i, 1l);
      before += weights[order[i]];
    }
    return sorted;
  }

  int64_t pick(long kept, double uniform) const {
    double total = 0, sum = 0;
    for (long i = 0; i < kept; i++) total += weights[order[i]];
    for (long i = 0; i < kept; i++) {
      sum += weights[order[i]];
      if (sum > uniform * total) return order[i];
    }
    return order[kept - 1];
  }
};

}  // namespace kernels
