// What generated steps are written in, beside the kernels: elements, and attention over heads that lie one after another.
#pragma once

#include <vector>

#include "attention.h"
#include "int4.h"
#include "matmul.h"
#include "norm.h"
#include "paged.h"
#include "pool.h"
#include "ragged.h"
#include "sample.h"

using namespace kernels;

// What a step is called with.
struct Step {
  const void* const* inputs;
  void* const* outputs;
  const void* const* weights;
  void* const* states;
  const int64_t* sizes;
  char* arena;
  char* scratch;
};

// Rows [count, width] that are made for a matrix product to read. Where they are so few that making them is sooner done than
// waiting for who makes them, every thread makes all, in a place of its own: there is room for `room` rows.
struct Making {
  bool each;
  long at;  // the row of the place at which this thread's begin
  Range rows;

  Making(const Team& team, long count, long width, long room)
      : each(count * width <= MOST && count * team.size <= room),
        at(each ? count * team.index : 0),
        rows(each ? Range{0, count} : team.share(count)) {}

  void end(const Team& team) const {
    if (!each) team.barrier();
  }

  static constexpr long MOST = 8192;  // values: about a microsecond
};

// A place that there is: what is read there when the one asked for is not, is not used.
INLINE int64_t inside(int64_t place, int64_t size) { return place < 0 ? 0 : place >= size ? size - 1 : place; }

// What is no number wins, as in torch.
INLINE float larger(float a, float b) { return a != a || a > b ? a : b; }
INLINE float lesser(float a, float b) { return a != a || a < b ? a : b; }
INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
INLINE int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

INLINE float relu(float x) { return x < 0 ? 0 : x; }
INLINE float silu(float x) { return x / (1.0f + std::exp(-x)); }
INLINE float gelu(float x) { return 0.5f * x * (1.0f + std::erf(x * 0.70710678118654752f)); }
INLINE float gelu_tanh(float x) { return 0.5f * x * (1.0f + std::tanh((x + 0.044715f * x * x * x) * 0.79788456080286536f)); }

INLINE bf16 half(float x) {
  uint32_t u;
  std::memcpy(&u, &x, 4);
  return x != x ? (u >> 16) | 0x40u : (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
}
INLINE float rounded_to_half(float x) { return to_float(half(x)); }

// The tokens of logits [rows, vocabulary]: shares [rows, 3] are temperature, top_p and min_p, whole [rows, 2] top_k and a uniform
// number in parts of 2^-53. A temperature below 0 asks for nothing.
INLINE void draw_rows(const float* logits, long rows, long vocabulary, const float* shares, const int64_t* whole, int64_t* tokens,
                      const Team& team) {
  Sampler sampler;
  const Range mine = team.share(rows);
  for (long row = mine.begin; row < mine.end; row++) {
    const float* share = shares + row * 3;
    const Draw draw{share[0], share[1], share[2], (int32_t)whole[row * 2], whole[row * 2 + 1] * 0x1p-53};
    tokens[row] = share[0] < 0 ? NOT_ASKED : sampler(logits + row * vocabulary, vocabulary, draw, false);
  }
}

struct Mask {
  long batch, head, token, place;  // elements from one to the next; 0 where it is the same for all
};

// q and out [batch, heads, tokens, width], or out [batch, tokens, heads, width]; k and v [batch, groups, places, width].
template <class C>
struct Attention {
  const float* q;
  const C *k, *v;
  float* out;
  long batch, heads, groups, tokens, places, width;
  float scale;
  bool by_token;
  const int64_t* positions = nullptr;  // [tokens]: the last place that each sees
  const bool* mask = nullptr;
  Mask steps = {};
  bool causal = false;

  float* target(long b, long head, long token) const {
    return out + (by_token ? (b * tokens + token) * heads + head : (b * heads + head) * tokens + token) * width;
  }
};

// One query over the places that a mask shows.
template <class C>
void attend_masked(const Attention<C>& a, long b, long head, long token, std::vector<float>& scores) {
  const long base = (b * a.groups + head / (a.heads / a.groups)) * a.places * a.width;
  const float* q = a.q + ((b * a.heads + head) * a.tokens + token) * a.width;
  const bool* mask = a.mask + b * a.steps.batch + head * a.steps.head + token * a.steps.token;
  float top = -INFINITY, total = 0;
  for (long p = 0; p < a.places; p++) {
    scores[p] = -INFINITY;
    if (!mask[p * a.steps.place]) continue;
    F dot{};
    for (long d = 0; d < a.width; d += W) dot += load(q + d, a.width - d) * load(a.k + base + p * a.width + d, a.width - d);
    scores[p] = sum(dot) * a.scale;
    top = larger(scores[p], top);
  }
  float* to = a.target(b, head, token);
  std::fill(to, to + a.width, 0.0f);
  // Nothing is seen: zeros, as torch's own attention gives.
  if (top == -INFINITY) return;
  for (long p = 0; p < a.places; p++) {
    if (scores[p] == -INFINITY) continue;
    const float weight = std::exp(scores[p] - top);
    total += weight;
    for (long d = 0; d < a.width; d += W)
      store(to + d, load(to + d, a.width - d) + weight * load(a.v + base + p * a.width + d, a.width - d), a.width - d);
  }
  for (long d = 0; d < a.width; d++) to[d] /= total;
}

template <class C>
void attend(const Attention<C>& a, const Team& team) {
  if (a.mask) {
    std::vector<float> scores(a.places);
    const Range mine = team.share(a.batch * a.heads * a.tokens);
    for (long i = mine.begin; i < mine.end; i++)
      attend_masked(a, i / (a.heads * a.tokens), i / a.tokens % a.heads, i % a.tokens, scores);
    return;
  }
  const long group = a.heads / a.groups;
  const long between = ((const char*)a.v - (const char*)a.k) / (long)sizeof(C);
  std::vector<float> q(group * a.width), mixed(group * a.width);
  const auto seen = [&](long token) {
    const long last = a.positions ? a.positions[token] + 1 : a.causal ? token + 1 : a.places;
    return std::min(std::max(last, 0L), a.places);
  };
  double cost = 0;
  for (long token = 0; token < a.tokens; token++) cost += seen(token) + 1;
  Dealer dealer(team, cost * a.batch * a.groups);
  for (long b = 0; b < a.batch; b++)
    for (long g = 0; g < a.groups; g++)
      for (long token = 0; token < a.tokens; token++) {
        const long last = seen(token);
        if (!dealer.mine(last + 1)) continue;
        for (long h = 0; h < group; h++)
          std::memcpy(&q[h * a.width], a.q + ((b * a.heads + g * group + h) * a.tokens + token) * a.width, a.width * 4);
        std::fill(mixed.begin(), mixed.end(), 0.0f);
        const PackedTokens<C> tokens{a.k + (b * a.groups + g) * a.places * a.width, a.width, between};
        if (last > 0) attend_heads(tokens, q.data(), 1, group, a.width, a.scale, 0, last, mixed.data());
        for (long h = 0; h < group; h++) std::memcpy(a.target(b, g * group + h, token), &mixed[h * a.width], a.width * 4);
      }
}
