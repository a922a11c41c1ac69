// Attention of many query rows at once, as two matrix products a chunk of keys: prompts over pages, causal. Keys are transposed
// and values widened once for a block of query rows.
#pragma once

#include "attention.h"
#include "matmul.h"

namespace kernels {

constexpr long PADDED = MOST_HEAD_DIM;  // floats from one row of scratch to the next
constexpr int QUERY_ROWS = 48;  // of a block: a multiple of ROWS in every variant

// Query rows of one kv head, each with the range of tokens that it sees; about 230 KB, on the stack.
class QueryBlock {
 public:
  explicit QueryBlock(long dim) : dim_(dim), wide_((dim + W - 1) / W * W), rows_(0) {}

  // A query [dim] that sees the tokens `from` to before `to`.
  template <class Q>
  void add(const Q* q, float scale, long from, long to) {
    float* row = queries_ + rows_ * PADDED;
    for (long d = 0; d < dim_; d += W) store(row + d, load(q + d, dim_ - d) * scale);
    for (long d = 0; d < wide_; d += W) store(mixed_ + rows_ * PADDED + d, F{});
    from_[rows_] = from, to_[rows_] = to;
    maximum_[rows_] = -INFINITY, total_[rows_] = 0;
    rows_++;
  }

  // Attention of all rows added; at least one.
  template <class Tokens>
  void run(const Tokens& tokens) {
    // From a whole chunk on, so that a row's bits do not depend on which others are in its block.
    const long first = *std::min_element(from_, from_ + rows_) / CHUNK * CHUNK, last = *std::max_element(to_, to_ + rows_);
    for (long start = first; start < last; start += CHUNK) {
      const long count = std::min<long>(last - start, CHUNK);
      take(tokens, start, count);
      for (int top = 0; top < rows_; top += ROWS) pass<ROWS>(std::min(rows_ - top, ROWS), top, start, count);
    }
  }

  template <class Out>
  void result(int row, Out* out) const {
    for (long d = 0; d < dim_; d += W)
      store(out + d, load(mixed_ + row * PADDED + d) / total_[row], dim_ - d);
  }

 private:
  // keys_[d][t] and values_[t][d] of the tokens start to start + count; zeros beyond.
  template <class Tokens>
  void take(const Tokens& tokens, long start, long count) {
    const long to_value = tokens.value_after_key();
    for (long t = 0; t < CHUNK; t += W) {
      const typename Tokens::Type* rows[W];
      for (int i = 0; i < W; i++) rows[i] = t + i < count ? tokens.key(start + t + i) : nullptr;
      for (long d = 0; d < wide_; d += W) {
        F square[W];
        for (int i = 0; i < W; i++) {
          square[i] = rows[i] ? load(rows[i] + d, dim_ - d) : F{};
          store(values_ + (t + i) * wide_ + d, rows[i] ? load(rows[i] + to_value + d, dim_ - d) : F{});
        }
        transpose(square);
        for (int i = 0; i < W; i++) store(keys_ + (d + i) * CHUNK + t, square[i]);
      }
    }
  }

  // Up to R rows against the chunk.
  template <int R>
  __attribute__((noinline)) void pass(int rows, int top, long start, long count) {
    if (rows < R) {
      if constexpr (R > 1) pass<R - 1>(rows, top, start, count);
      return;
    }
    F sums[R * V] = {};
    for (int v = 0; v < V; v += SPAN)
      strip<Float, R>(words(queries_ + top * PADDED), PADDED, words(keys_) + v * W, dim_, CHUNK, sums + v);
    float weights[R][CHUNK], kept[R];
    for (int r = 0; r < R; r++) {
      for (int v = 0; v < V; v++) store(weights[r] + v * W, sums[r * V + v]);
      const long begin = from_[top + r] - start, end = std::min(to_[top + r] - start, count);
      std::fill(weights[r], weights[r] + std::clamp<long>(begin, 0, CHUNK), -INFINITY);
      std::fill(weights[r] + std::clamp<long>(end, 0, CHUNK), weights[r] + CHUNK, -INFINITY);
      kept[r] = online_softmax(weights[r], maximum_[top + r], total_[top + r]);
    }
    long d = 0;
    for (; d + SPAN * W <= wide_; d += SPAN * W) mix<R, SPAN>(top, weights, kept, d, count);
    for (; d < wide_; d += W) mix<R, 1>(top, weights, kept, d, count);
  }

  template <int R, int S>
  INLINE void mix(int top, const float (*weights)[CHUNK], const float* kept, long d, long count) {
    F sums[R * V] = {};
    strip<Float, R, S>(words(&weights[0][0]), CHUNK, words(values_ + d), count, wide_, sums);
    for (int r = 0; r < R; r++)
      for (int s = 0; s < S; s++) {
        float* out = mixed_ + (top + r) * PADDED + d + s * W;
        store(out, load(out) * kept[r] + sums[r * V + s]);
      }
  }

  static const int32_t* words(const float* p) { return reinterpret_cast<const int32_t*>(p); }

  const long dim_, wide_;
  int rows_;
  long from_[QUERY_ROWS], to_[QUERY_ROWS];
  float maximum_[QUERY_ROWS], total_[QUERY_ROWS];
  alignas(64) float queries_[QUERY_ROWS * PADDED], mixed_[QUERY_ROWS * PADDED];
  alignas(64) float keys_[PADDED * CHUNK], values_[CHUNK * PADDED];
};

template <class C>
struct PromptAttention {
  Pages<C> pages;
  const int32_t* tables;  // [requests, table_width]
  long table_width;
  const int32_t* starts;   // [requests + 1] the rows of q of each request
  const int32_t* lengths;  // [requests] tokens in the pages, the new ones included: the last of them are those of q
  long requests, heads;
  long window;  // 0 for all
  float scale;
  const float* q;  // [rows, q_stride]
  long q_stride;
  float* out;      // [rows, heads * head_dim]
};

// This thread's blocks of new tokens; each sees the tokens of its request up to itself.
template <class C>
void attend(const PromptAttention<C>& a, const Team& team) {
  const long dim = a.pages.head_dim, group = a.heads / a.pages.kv_heads;
  const long step = std::max<long>(1, QUERY_ROWS / group);  // tokens of a block: all query heads of a kv head share it
  const auto each_block = [&](const auto& visit) {
    for (long request = 0; request < a.requests; request++) {
      const long count = a.starts[request + 1] - a.starts[request], before = a.lengths[request] - count;
      for (long head = 0; head < a.pages.kv_heads; head++)
        for (long first = 0; first < count; first += step) visit(request, head, first, std::min(first + step, count), before);
    }
  };
  const auto cost = [&](long last, long before) { return double(before + last + CHUNK); };
  double total = 0;
  each_block([&](long, long, long, long last, long before) { total += cost(last, before); });
  Dealer dealer(team, total);
  each_block([&](long request, long head, long first, long last, long before) {
    if (!dealer.mine(cost(last, before))) return;
    const PagedTokens<C> tokens{a.pages, a.tables + request * a.table_width, head};
    // Where a group is larger than a block, its heads take turns.
    for (long g = 0; g < group; g += QUERY_ROWS) {
      const long some = std::min<long>(group - g, QUERY_ROWS), offset = (head * group + g) * dim;
      QueryBlock block(dim);
      for (long t = first; t < last; t++)
        for (long h = 0; h < some; h++) {
          const long to = before + t + 1, from = a.window ? std::max<long>(to - a.window, 0) : 0;
          block.add(a.q + (a.starts[request] + t) * a.q_stride + offset + h * dim, a.scale, from, to);
        }
      block.run(tokens);
      for (long t = first; t < last; t++)
        for (long h = 0; h < some; h++)
          block.result((t - first) * some + h, a.out + (a.starts[request] + t) * a.heads * dim + offset + h * dim);
    }
  });
}

}  // namespace kernels
