// Attention of one new token a request over its pages (flash-decode): every key and value is read once, for all query heads that
// share it, and nothing beyond the request's length is touched.
//
// Softmax is online (Milakov and Gimelshein, arXiv 1805.02867): after each chunk of tokens the sums so far are scaled to the new
// maximum. All arithmetic is float32, whatever the pages hold.
#pragma once

#include <algorithm>

#include "cache.h"
#include "functions.h"
#include "pool.h"

namespace kernels {

constexpr int CHUNK = 64;  // tokens between two looks at the maximum
#if defined(__AVX512F__)
constexpr int TOGETHER = 4;  // query heads whose sums the registers hold at once
#else
constexpr int TOGETHER = 2;
#endif
constexpr long PADDED = MOST_HEAD_DIM;  // floats from one head's scratch to the next

// scores[g][t] = q[g] · key(t) for t below CHUNK and G query heads [G, PADDED], which are zero beyond `dim`.
template <int G, class C>
INLINE void chunk_scores(const float* q, const C* const* keys, long to_value, long dim, float (*scores)[CHUNK]) {
  for (int t = 0; t < CHUNK; t += W) {
    F dots[G][W];
    for (int i = 0; i < W; i++) {
      const C* key = keys[t + i];
      __builtin_prefetch(key + to_value);
      F acc[G] = {};
      for (long d = 0; d < dim; d += W) {
        const F k = load(key + d, dim - d);
#pragma GCC unroll 4
        for (int g = 0; g < G; g++) acc[g] += k * load(q + g * PADDED + d);
      }
      for (int g = 0; g < G; g++) dots[g][i] = acc[g];
    }
    for (int g = 0; g < G; g++) store(scores[g] + t, sums(dots[g]));
  }
}

// out[g] = out[g] * kept[g] + sum over t below `count` of weights[g][t] * value(t), for S vectors from d on; n values are left of
// the last.
template <int G, int S, class C>
INLINE void chunk_values(const float (*weights)[CHUNK], const C* const* keys, long to_value, long count, long n,
                         const float* kept, float* out) {
  F acc[G][S];
#pragma GCC unroll 4
  for (int g = 0; g < G; g++)
#pragma GCC unroll 4
    for (int s = 0; s < S; s++) acc[g][s] = load(out + g * PADDED + s * W) * kept[g];
  for (long t = 0; t < count; t++) {
    const C* value = keys[t] + to_value;
    F v[S];
#pragma GCC unroll 4
    for (int s = 0; s < S; s++) v[s] = S == 1 ? load(value, n) : load(value + s * W);
#pragma GCC unroll 4
    for (int g = 0; g < G; g++) {
      const F weight = splat(weights[g][t]);
#pragma GCC unroll 4
      for (int s = 0; s < S; s++) acc[g][s] += weight * v[s];
    }
  }
#pragma GCC unroll 4
  for (int g = 0; g < G; g++)
#pragma GCC unroll 4
    for (int s = 0; s < S; s++) store(out + g * PADDED + s * W, acc[g][s]);
}

// scores[0..CHUNK) become weights e^(score - maximum); updates the running maximum and sum, and returns what the sums before are
// to be scaled by. Scores of minus infinity weigh nothing; a NaN makes all that follows NaN.
INLINE float online_softmax(float* scores, float& maximum, float& total) {
  F top = load(scores);
  for (int t = W; t < CHUNK; t += W) top = bigger(load(scores + t), top);
  const float now = std::max(biggest(top), maximum);
  // All are hidden so far: any finite maximum will do, and keeps minus infinity from meeting itself.
  const float shift = now == -INFINITY ? 0.0f : now;
  F added{};
  for (int t = 0; t < CHUNK; t += W) {
    const F weight = exp(load(scores + t) - shift);
    added += weight;
    store(scores + t, weight);
  }
  const float kept = maximum == -INFINITY ? 0.0f : exp(splat(maximum - shift))[0];
  total = total * kept + sum(added);
  maximum = now;
  return kept;
}

// G query heads q [G, dim] over the tokens `first` to before `last` of one kv head, at least one; out [G, dim].
template <int G, class Tokens>
void attend_heads(const Tokens& tokens, const float* q, long dim, float scale, long first, long last, float* out) {
  alignas(64) float queries[G * PADDED], mixed[G * PADDED], scores[G][CHUNK];
  float maximum[G], total[G] = {}, kept[G];
  for (int g = 0; g < G; g++) {
    maximum[g] = -INFINITY;
    for (long d = 0; d < dim; d += W) {
      store(queries + g * PADDED + d, load(q + g * dim + d, dim - d) * scale);
      store(mixed + g * PADDED + d, F{});
    }
  }
  const long to_value = tokens.value_after_key();
  for (long start = first; start < last; start += CHUNK) {
    const long count = std::min<long>(last - start, CHUNK);
    const typename Tokens::Type* keys[CHUNK];
    // Beyond the last token its own key stands in, and is hidden below.
    for (long t = 0; t < CHUNK; t++) keys[t] = t < count ? tokens.key(start + t) : keys[count - 1];
    chunk_scores<G>(queries, keys, to_value, dim, scores);
    for (int g = 0; g < G; g++) {
      std::fill(scores[g] + count, scores[g] + CHUNK, -INFINITY);
      kept[g] = online_softmax(scores[g], maximum[g], total[g]);
    }
    long d = 0;
    for (; d + 4 * W <= dim; d += 4 * W) chunk_values<G, 4>(scores, keys, to_value + d, count, W, kept, mixed + d);
    for (; d < dim; d += W) chunk_values<G, 1>(scores, keys, to_value + d, count, dim - d, kept, mixed + d);
  }
  for (int g = 0; g < G; g++)
    for (long d = 0; d < dim; d += W) store(out + g * dim + d, load(mixed + g * PADDED + d) / total[g], dim - d);
}

template <int G, class Tokens>
void attend_group(const Tokens& tokens, const float* q, long group, long dim, float scale, long first, long last, float* out) {
  long g = 0;
  for (; g + G <= group; g += G) attend_heads<G>(tokens, q + g * dim, dim, scale, first, last, out + g * dim);
  if constexpr (G > 1) {
    if (g < group) attend_group<G - 1>(tokens, q + g * dim, group - g, dim, scale, first, last, out + g * dim);
  }
}

template <class C>
struct DecodeAttention {
  Pages<C> pages;
  const int32_t* tables;   // [requests, table_width] blocks of each request, in order
  long table_width;
  const int32_t* lengths;  // [requests] tokens in the pages, the new one included; 0 is padding, whose result is zeros
  long requests, heads;
  long window;             // the last so many tokens are seen; 0 for all
  float scale;
  const float* q;  // [requests, q_stride]: heads * head_dim values
  long q_stride;
  float* out;      // [requests, heads * head_dim]

  long seen(long request) const { return window ? std::min<long>(window, lengths[request]) : lengths[request]; }
};

// This thread's requests and kv heads, dealt out by the tokens that each sees.
template <class C>
void attend(const DecodeAttention<C>& a, const Team& team) {
  const long group = a.heads / a.pages.kv_heads, width = group * a.pages.head_dim;
  double tokens = 0;
  for (long request = 0; request < a.requests; request++) tokens += a.seen(request) + 1;
  Dealer dealer(team, tokens * a.pages.kv_heads);
  for (long request = 0; request < a.requests; request++) {
    const long length = a.lengths[request];
    for (long head = 0; head < a.pages.kv_heads; head++) {
      if (!dealer.mine(a.seen(request) + 1)) continue;
      float* out = a.out + request * a.heads * a.pages.head_dim + head * width;
      if (length <= 0) {
        std::fill(out, out + width, 0.0f);
        continue;
      }
      const PagedTokens<C> found{a.pages, a.tables + request * a.table_width, head};
      attend_group<TOGETHER>(found, a.q + request * a.q_stride + head * width, group, a.pages.head_dim, a.scale,
                             length - a.seen(request), length, out);
    }
  }
}

}  // namespace kernels
