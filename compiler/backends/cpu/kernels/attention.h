// Attention of one new token a request over its pages (flash-decode): a page is read once and in order, by all query heads of a
// thread, and nothing beyond the request's length is touched.
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
constexpr int TOGETHER = 4;   // query heads whose sums the registers hold at once
constexpr int REGISTERS = 4;  // vectors of a head's width of which so many heads have room in them, too; 0: none
#else
constexpr int TOGETHER = 2;
constexpr int REGISTERS = 0;
#endif
constexpr long MOST_VALUES = 16384, MOST_ROWS = 1024;  // of queries at once: 128 KB of scratch with the results

// Keys and values lie far apart, where no processor foresees the next: one chunk ahead they are asked for by name.
template <class C>
INLINE void prefetch_token(const C* key, long to_value, long dim) {
  for (long byte = 0; byte < dim * (long)sizeof(C); byte += 64) {
    __builtin_prefetch((const char*)key + byte, 0, 2);
    __builtin_prefetch((const char*)(key + to_value) + byte, 0, 2);
  }
}

// A head's keys of one chunk, those of the chunk after it or NULL, and how far they and their values are from the pointers.
template <class C>
struct Chunk {
  const C* const* keys;
  const C* const* next;
  long offset, to_value, count, dim, wide;  // wide: dim in whole vectors, from one query to the next
};

// A key's products with G query heads of D vectors that lie in registers.
template <int G, int D, class C>
INLINE void key_dots(const C* key, const F (&q)[G][D], F (&dots)[G]) {
#pragma GCC unroll 4
  for (int d = 0; d < D; d++) {
    const F k = load(key + d * W);
#pragma GCC unroll 4
    for (int g = 0; g < G; g++) dots[g] = d ? dots[g] + k * q[g][d] : k * q[g][d];
  }
}

// scores[g][t] = q[g] · key(t) for t below CHUNK and G query heads [G, wide], which are zero beyond `dim`. Of a width of D vectors
// the heads stay in registers, and two keys' sums are folded into one at once; with a D of 0 the width is any.
template <int G, int D, class C>
INLINE void chunk_scores(const Chunk<C>& chunk, const float* q, float (*scores)[CHUNK]) {
  const long dim = chunk.dim, wide = chunk.wide;
  F rows[G][D ? D : 1];
  if constexpr (D > 0)
    for (int g = 0; g < G; g++)
      for (int d = 0; d < D; d++) rows[g][d] = load(q + g * wide + d * W);
  for (int t = 0; t < CHUNK; t += W) {
    F dots[G][W];
    if constexpr (D > 0) {
#pragma GCC unroll 8
      for (int i = 0; i < W; i += 2) {
        F one[G], other[G];
        for (int more = 0; more < 2; more++)
          if (chunk.next) prefetch_token(chunk.next[t + i + more] + chunk.offset, chunk.to_value, D * W);
        key_dots<G, D>(chunk.keys[t + i] + chunk.offset, rows, one);
        key_dots<G, D>(chunk.keys[t + i + 1] + chunk.offset, rows, other);
        for (int g = 0; g < G; g++) dots[g][i / 2] = fold<1>(one[g], other[g]);
      }
      for (int g = 0; g < G; g++) store(scores[g] + t, sums_of_pairs(dots[g]));
    } else {
      for (int i = 0; i < W; i++) {
        const C* key = chunk.keys[t + i] + chunk.offset;
        if (chunk.next) prefetch_token(chunk.next[t + i] + chunk.offset, chunk.to_value, dim);
        F acc[G] = {};
        for (long d = 0; d < dim; d += W) {
          const F k = load(key + d, dim - d);
#pragma GCC unroll 4
          for (int g = 0; g < G; g++) acc[g] += k * load(q + g * wide + d);
        }
        for (int g = 0; g < G; g++) dots[g][i] = acc[g];
      }
      for (int g = 0; g < G; g++) store(scores[g] + t, sums(dots[g]));
    }
  }
}

// out[g] = out[g] * kept[g] + sum over t below `count` of weights[g][t] * value(t), for S vectors from d on; of them all values are
// there where `whole`.
template <int G, int S, bool whole, class C>
INLINE void chunk_values(const Chunk<C>& chunk, long d, const float (*weights)[CHUNK], const float* kept, float* out) {
  const long wide = chunk.wide, n = chunk.dim - d;
  F acc[G][S];
#pragma GCC unroll 4
  for (int g = 0; g < G; g++)
#pragma GCC unroll 4
    for (int s = 0; s < S; s++) acc[g][s] = load(out + g * wide + d + s * W) * kept[g];
  for (long t = 0; t < chunk.count; t++) {
    const C* value = chunk.keys[t] + chunk.offset + chunk.to_value + d;
    F v[S];
#pragma GCC unroll 4
    for (int s = 0; s < S; s++) v[s] = whole ? load(value + s * W) : load(value, n);
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
    for (int s = 0; s < S; s++) store(out + g * wide + d + s * W, acc[g][s]);
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
  const float kept = maximum == -INFINITY ? 0.0f : maximum == shift ? 1.0f : exp(splat(maximum - shift))[0];
  total = total * kept + sum(added);
  maximum = now;
  return kept;
}

// Query heads and what they have seen so far.
struct Queries {
  alignas(64) float rows[MOST_VALUES], mixed[MOST_VALUES];
  float maximum[MOST_ROWS], total[MOST_ROWS];

  Queries(const float* q, long count, long dim, long wide, float scale) {
    for (long r = 0; r < count; r++) {
      maximum[r] = -INFINITY, total[r] = 0;
      for (long d = 0; d < dim; d += W) {
        store(rows + r * wide + d, load(q + r * dim + d, dim - d) * scale);
        store(mixed + r * wide + d, F{});
      }
    }
  }

  // `count` queries from `row` on, at most G, see a chunk of their kv head.
  template <int G, class C>
  void see(const Chunk<C>& chunk, long row, long count) {
    if (count < G) {
      if constexpr (G > 1) see<G - 1>(chunk, row, count);
      return;
    }
    float scores[G][CHUNK], kept[G];
    if (REGISTERS && chunk.dim == REGISTERS * W)
      chunk_scores<G, REGISTERS>(chunk, rows + row * chunk.wide, scores);
    else
      chunk_scores<G, 0>(chunk, rows + row * chunk.wide, scores);
    for (int g = 0; g < G; g++) {
      std::fill(scores[g] + chunk.count, scores[g] + CHUNK, -INFINITY);
      kept[g] = online_softmax(scores[g], maximum[row + g], total[row + g]);
    }
    float* out = mixed + row * chunk.wide;
    long d = 0;
    for (; d + 4 * W <= chunk.dim; d += 4 * W) chunk_values<G, 4, true>(chunk, d, scores, kept, out);
    for (; d < chunk.dim; d += W) chunk_values<G, 1, false>(chunk, d, scores, kept, out);
  }
};

// Queries q [heads * group, dim] over the tokens `first` to before `last`, at least one, of `heads` kv heads from that of `tokens`
// on; out [heads * group, dim]. At most MOST_VALUES values. `after(t)` is the key of what is attended to next, at its t-th token, or
// NULL: meanwhile it is fetched.
template <class Tokens, class After>
void attend_heads(const Tokens& tokens, const float* q, long heads, long group, long dim, float scale, long first, long last,
                  float* out, const After& after) {
  typedef typename Tokens::Type C;
  const long wide = (dim + W - 1) / W * W, rows = heads * group;
  Queries queries(q, rows, dim, wide, scale);
  const C* keys[2][CHUNK];
  // Beyond the last token its own key stands in; its scores are hidden.
  const auto find = [&](long start, const C** found) {
    for (long t = 0; t < CHUNK; t++) found[t] = start + t < last ? tokens.key(start + t) : found[t - 1];
  };
  find(first, keys[0]);
  for (long start = first, turn = 0; start < last; start += CHUNK, turn ^= 1) {
    bool more = start + CHUNK < last;
    if (more)
      find(start + CHUNK, keys[turn ^ 1]);
    else if ((more = after(0) != nullptr))
      for (long t = 0; t < CHUNK; t++) keys[turn ^ 1][t] = after(t);
    Chunk<C> chunk{keys[turn], nullptr, 0, tokens.value_after_key(), std::min<long>(last - start, CHUNK), dim, wide};
    for (long head = 0; head < heads; head++, chunk.offset += dim)
      for (long g = 0; g < group; g += TOGETHER) {
        chunk.next = more && g == 0 ? keys[turn ^ 1] : nullptr;
        queries.see<TOGETHER>(chunk, head * group + g, std::min<long>(group - g, TOGETHER));
      }
  }
  for (long r = 0; r < rows; r++)
    for (long d = 0; d < dim; d += W) store(out + r * dim + d, load(queries.mixed + r * wide + d) / queries.total[r], dim - d);
}

template <class Tokens>
void attend_heads(const Tokens& tokens, const float* q, long heads, long group, long dim, float scale, long first, long last,
                  float* out) {
  attend_heads(tokens, q, heads, group, dim, scale, first, last, out, [](long) { return (const typename Tokens::Type*)nullptr; });
}

template <class C>
struct DecodeAttention {
  Pages<C> pages;
  const int32_t* tables;   // [requests, table_width] blocks of each request, in order
  long table_width;
  const int32_t* lengths;  // [requests] tokens in the pages, the new one included; 0 is padding, whose result is zeros
  long requests, heads;    // heads / kv heads * head_dim at most MOST_VALUES
  long window;             // the last so many tokens are seen; 0 for all
  float scale;
  const float* q;  // [requests, q_stride]: heads * head_dim values
  long q_stride;
  float* out;      // [requests, heads * head_dim]
  const int32_t* pieces = nullptr;  // [requests]; those that are 0 or more are left out

  bool is_left_out(long request) const { return pieces && pieces[request] >= 0; }
  long seen(long request) const { return window ? std::min<long>(window, lengths[request]) : lengths[request]; }
};

// This thread's requests and kv heads, dealt out by the tokens that each sees.
template <class C>
void attend(const DecodeAttention<C>& a, const Team& team) {
  const long dim = a.pages.head_dim, group = a.heads / a.pages.kv_heads, width = group * dim;
  double tokens = 0;
  for (long request = 0; request < a.requests; request++)
    if (!a.is_left_out(request)) tokens += a.seen(request) + 1;
  Dealer dealer(team, tokens * a.pages.kv_heads);
  for (long request = 0; request < a.requests; request++) {
    if (a.is_left_out(request)) continue;
    long first = 0, last = 0;  // this thread's kv heads: neighbours
    for (long head = 0; head < a.pages.kv_heads; head++) {
      if (!dealer.mine(a.seen(request) + 1)) continue;
      if (last == 0) first = head;
      last = head + 1;
    }
    const long length = a.lengths[request];
    float* out = a.out + request * a.heads * dim;
    if (length <= 0) std::fill(out + first * width, out + last * width, 0.0f);
    const long most = std::max<long>(1, std::min(MOST_VALUES / (group * (dim + W)), MOST_ROWS / group));
    for (long head = first; head < last && length > 0; head += most) {
      const PagedTokens<C> found{a.pages, a.tables + request * a.table_width, head};
      // The same heads of the request after this one, which the next thread may have: its caches are near.
      const long next = request + 1;
      const bool is_next = next < a.requests && !a.is_left_out(next) && a.lengths[next] > 0;
      const PagedTokens<C> others{a.pages, a.tables + (is_next ? next : request) * a.table_width, head};
      const long begin = is_next ? a.lengths[next] - a.seen(next) : 0, end = is_next ? a.lengths[next] - 1 : 0;
      attend_heads(found, a.q + request * a.q_stride + head * width, std::min(most, last - head), group, dim, a.scale,
                   length - a.seen(request), length, out + head * width,
                   [&](long t) { return is_next ? others.key(std::min(begin + t, end)) : nullptr; });
    }
  }
}

}  // namespace kernels
