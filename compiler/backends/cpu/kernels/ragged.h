// Texts of an encoder, packed one after another without padding: attention of each to itself, and their means.
//
// Queries, keys and weights are multiplied in words of dot.h: float32, or pairs of bfloat16 summed in float32. A head's keys are
// transposed once for a block of its queries, and a strip of queries goes through a chunk of them in two matrix products with
// the softmax between, all in the L1 cache.
#pragma once

#include "attention.h"
#include "matmul.h"

namespace kernels {

constexpr long KEYS = 128;                          // of a chunk: between two looks at the maximum
constexpr int QUERIES = 96;                         // of a block: a multiple of ROWS in every variant
constexpr float LOG2_E = 1.44269504088896341f;

// 2^x for x <= 0 within 2 ulp; 0 below -126, NaN for NaN.
INLINE F exp2_of(F x) {
  const I n = rounded(bigger(x, splat(-126.0f)));
  const F r = x - to_float(n);
  F y = r * 1.535336188e-4f + 1.339887440e-3f;
  y = y * r + 9.618437357e-3f;
  y = y * r + 5.550332471e-2f;
  y = y * r + 2.402264791e-1f;
  y = y * r + 6.931472028e-1f;
  y = y * r + 1.0f;
  y = y * floats((n + 127) << 23);
  return x < -126.0f ? F{} : y;
}

INLINE void put(float* p, F x) { store(p, x); }

// float32 to bfloat16 where neither NaN nor infinity has to be told from the other.
INLINE void put(bf16* p, F x) {
#if defined(__AVX512BF16__)
  __m256i halves = (__m256i)_mm512_cvtneps_pbh((__m512)x);
  std::memcpy(p, &halves, sizeof(halves));
#else
  store(p, x);
#endif
}

// Of T: what one element of a word is.
template <class T>
struct Element {
  typedef float Type;
};
template <>
struct Element<Bf16> {
  typedef bf16 Type;
};

// The queries of one head of a text, block by block; about 350 KB at most, on the stack.
template <class T>
class TextHead {
 public:
  typedef typename Element<T>::Type E;

  TextHead(long dim, float scale) : dim_(dim), wide_((dim + W - 1) / W * W), scale_(scale * LOG2_E) {}

  // Attention of the queries at `q`, `count` of them, over the keys and values of `length` tokens at `k` and `v`; all lie `step`
  // elements from one to the next, results `out_step`.
  template <class C, class Out>
  void run(const C* q, long count, const C* k, const C* v, long length, long step, Out* out, long out_step) {
    for (int i = 0; i < count; i++) maximum_[i] = -INFINITY, total_[i] = 0;
    for (long start = 0; start < length; start += KEYS) {
      const long keys = std::min(length - start, KEYS);
      take(k + start * step, v + start * step, keys, step);
      for (long top = 0; top < count; top += ROWS)
        pass<ROWS>(std::min<long>(count - top, ROWS), q + top * step, step, top, keys, start == 0);
    }
    for (long i = 0; i < count; i++) {
      const F inverse = splat(1.0f / total_[i]);
      for (long d = 0; d < dim_; d += W) store(out + i * out_step + d, load(mixed_ + i * wide_ + d) * inverse, dim_ - d);
    }
  }

 private:
  static constexpr int G = T::GROUP;

  // keys_[word of the width][token] and values_[word of the tokens][width], with zeros where there are none.
  template <class C>
  void take(const C* k, const C* v, long count, long step) {
    for (long t = 0; t < count; t += W)
      for (long d = 0; d < dim_; d += G * W) {
        F square[W];
        for (int i = 0; i < W; i++) square[i] = words_of(k + (t + i) * step + d, t + i < count ? dim_ - d : 0);
        transpose(square);
        for (int i = 0; i < W && d / G + i < (dim_ + G - 1) / G; i++) store((float*)keys_ + (d / G + i) * KEYS + t, square[i]);
      }
    for (long t = 0; t < count; t += G)
      for (long d = 0; d < dim_; d += W) {
        const F one = load(v + t * step + d, dim_ - d);
        if (G == 1)
          store((float*)values_ + t * wide_ + d, one);
        else
          store(values_ + t / G * wide_ + d, pairs(one, t + 1 < count ? load(v + (t + 1) * step + d, dim_ - d) : F{}));
      }
  }

  // W words from G * W elements, of which there are `n`.
  static INLINE F words_of(const float* p, long n) {
    if (n <= 0) return F{};
    if (G == 1) return load(p, n);
    const F low = load(p, n), high = n > W ? load(p + W, n - W) : F{};
    bf16 halves[2 * W];
    put(halves, low), put(halves + W, high);
    return load((const float*)halves);
  }
  static INLINE F words_of(const bf16* p, long n) {
    if (n <= 0) return F{};
    if (G == 1) return load(p, n);
    bf16 halves[2 * W] = {};
    if (n >= 2 * W) return load((const float*)p);
    std::memcpy(halves, p, n * sizeof(bf16));
    return load((const float*)halves);
  }

  // Lane i: one[i] in the lower half of a word, other[i] in the upper.
  static INLINE I pairs(F one, F other) {
    bf16 low[W], high[W];
    put(low, one), put(high, other);
    const I lower = (I)__builtin_convertvector(*(const unaligned::U16*)low, U);
    return lower | (I)(__builtin_convertvector(*(const unaligned::U16*)high, U) << 16);
  }

  // Up to R queries against the chunk.
  template <int R, class C>
  __attribute__((noinline)) void pass(int rows, const C* q, long step, long top, long keys, bool first) {
    if (rows < R) {
      if constexpr (R > 1) pass<R - 1>(rows, q, step, top, keys, first);
      return;
    }
    const long words = (dim_ + G - 1) / G;
    alignas(64) E queries[R][MOST_HEAD_DIM];
    for (int r = 0; r < R; r++)
      for (long d = 0; d < dim_; d += W) put(queries[r] + d, load(q + r * step + d, dim_ - d) * scale_);
    alignas(64) float scores[R][KEYS];
    const int32_t* rows_of = (const int32_t*)&queries[0][0];
    constexpr long stride = MOST_HEAD_DIM / G;
    long t = 0;
    for (; t + SPAN * W <= keys; t += SPAN * W) score<R, SPAN>(rows_of, stride, t, words, scores);
    for (; t + 2 * W <= keys; t += 2 * W) score<R, 2>(rows_of, stride, t, words, scores);
    for (; t < keys; t += W) score<R, 1>(rows_of, stride, t, words, scores);

    alignas(64) E weights[R][KEYS];
    float kept[R];
    const long whole = (keys + W - 1) / W * W;
    for (int r = 0; r < R; r++) {
      std::fill(scores[r] + keys, scores[r] + whole, -INFINITY);
      kept[r] = weigh(scores[r], whole, weights[r], maximum_[top + r], total_[top + r]);
    }
    long d = 0;
    for (; d + SPAN * W <= wide_; d += SPAN * W) mix<R, SPAN>(top, &weights[0][0], kept, d, keys, first);
    for (; d + 2 * W <= wide_; d += 2 * W) mix<R, 2>(top, &weights[0][0], kept, d, keys, first);
    for (; d < wide_; d += W) mix<R, 1>(top, &weights[0][0], kept, d, keys, first);
  }

  template <int R, int S>
  INLINE void score(const int32_t* queries, long stride, long t, long words, float (*scores)[KEYS]) {
    F sums[R * V];
    strip<T, R, S>(queries, stride, keys_ + t, words, KEYS, sums);
    for (int r = 0; r < R; r++)
      for (int s = 0; s < S; s++) store(scores[r] + t + s * W, sums[r * V + s]);
  }

  // Scores become weights 2^(score - maximum); returns what the sums before are to be scaled by.
  static INLINE float weigh(const float* scores, long whole, E* weights, float& maximum, float& total) {
    F top = load(scores);
    for (long t = W; t < whole; t += W) top = bigger(load(scores + t), top);
    const float now = std::max(biggest(top), maximum);
    F added{};
    for (long t = 0; t < whole; t += W) {
      const F weight = exp2_of(load(scores + t) - now);
      added += weight;
      put(weights + t, weight);
    }
    const float kept = maximum == -INFINITY ? 0.0f : exp2_of(splat(maximum - now))[0];
    total = total * kept + sum(added);
    maximum = now;
    return kept;
  }

  template <int R, int S>
  INLINE void mix(long top, const E* weights, const float* kept, long d, long keys, bool first) {
    F sums[R * V];
    strip<T, R, S>((const int32_t*)weights, KEYS / G, values_ + d, (keys + G - 1) / G, wide_, sums);
    for (int r = 0; r < R; r++)
      for (int s = 0; s < S; s++) {
        float* out = mixed_ + (top + r) * wide_ + d + s * W;
        store(out, first ? sums[r * V + s] : load(out) * kept[r] + sums[r * V + s]);
      }
  }

  const long dim_, wide_;
  const float scale_;
  float maximum_[QUERIES], total_[QUERIES];
  alignas(64) float mixed_[QUERIES * MOST_HEAD_DIM];
  alignas(64) int32_t keys_[MOST_HEAD_DIM / T::GROUP * KEYS], values_[KEYS / T::GROUP * MOST_HEAD_DIM];
};

// Text i is the tokens starts[i] to before ends[i].
struct Texts {
  const int32_t *starts, *ends;
  long count;
};

template <class T, class C, class Out>
struct RaggedAttention {
  const C* qkv;  // [tokens, 3, heads, head_dim], as a fused projection leaves it
  Texts texts;
  long heads, head_dim;
  float scale;
  Out* out;  // [tokens, heads * head_dim]
};

// This thread's heads of texts, block by block: each token sees all of its text and nothing else.
template <class T, class C, class Out>
void attend(const RaggedAttention<T, C, Out>& a, const Team& team) {
  const long dim = a.head_dim, width = a.heads * dim, step = 3 * width;
  const auto each_block = [&](const auto& visit) {
    for (long text = 0; text < a.texts.count; text++) {
      const long begin = a.texts.starts[text], end = a.texts.ends[text];
      for (long head = 0; head < a.heads; head++)
        for (long first = begin; first < end; first += QUERIES) visit(begin, end, head, first, std::min<long>(first + QUERIES, end));
    }
  };
  const auto cost = [](long begin, long end, long first, long last) { return double((end - begin + 16) * (last - first + 8)); };
  double total = 0;
  each_block([&](long begin, long end, long, long first, long last) { total += cost(begin, end, first, last); });
  Dealer dealer(team, total);
  TextHead<T> attention(dim, a.scale);
  each_block([&](long begin, long end, long head, long first, long last) {
    if (!dealer.mine(cost(begin, end, first, last))) return;
    const C* text = a.qkv + begin * step + head * dim;
    attention.run(a.qkv + first * step + head * dim, last - first, text + width, text + 2 * width, end - begin, step,
                  a.out + first * width + head * dim, width);
  });
}

// out [texts, width] = the mean over each text of values [tokens, width].
INLINE void mean_of_texts(const Texts& texts, const float* values, long width, float* out, const Team& team) {
  const Range mine = team.share(texts.count);
  for (long text = mine.begin; text < mine.end; text++) {
    const long begin = texts.starts[text], end = texts.ends[text];
    const float part = 1.0f / (end - begin);
    for (long d = 0; d < width; d += W) {
      F total{};
      for (long t = begin; t < end; t++) total += load(values + t * width + d, width - d);
      store(out + text * width + d, total * part, width - d);
    }
  }
}

}  // namespace kernels
