// What Python calls: kernels that look at one row at a time.
#include "embed.h"
#include "entry.h"
#include "norm.h"
#include "sample.h"

using namespace kernels;

// x [rows, width], which becomes x + residual where there is one, to `out` [rows, width] and, where `bytes` is given, to bytes
// [rows, stride] with their scales. Without a bias: RMS norm.
ENTRY void norm_run(Pool* pool, float* x, const float* residual, int64_t rows, int64_t width, const float* weight, const float* bias,
                    float eps, float* out, uint8_t* bytes, int64_t stride, float* scales) {
  const Norm norm{weight, bias, eps, width};
  pool->run([&](const Team& team) {
    const Range share = team.share(rows);
    for (long row = share.begin; row < share.end; row++) {
      float *from = x + row * width, *to = out + row * width;
      const float* added = residual ? residual + row * width : nullptr;
      if (bytes)
        scales[row] = normalize_to_bytes(norm, from, added, to, bytes + row * stride);
      else
        normalize(norm, from, added, to);
    }
  });
}

enum TableKind { TABLE_FLOAT32 = 0, TABLE_BF16 = 1, TABLE_INT8 = 2 };

ENTRY void embed_run(Pool* pool, int kind, const void* table, int64_t count, int64_t width, const float* scales, const int64_t* ids,
                     int64_t tokens, float* out, int add) {
  pool->run([&](const Team& team) {
    const Range share = team.share(tokens);
    for (long token = share.begin; token < share.end; token++) {
      float* to = out + token * width;
      if (kind == TABLE_FLOAT32) embed(Table<float>{(const float*)table, count, width}, ids[token], to, add);
      if (kind == TABLE_BF16) embed(Table<bf16>{(const bf16*)table, count, width}, ids[token], to, add);
      if (kind == TABLE_INT8) embed(Table<int8_t>{(const int8_t*)table, count, width, scales}, ids[token], to, add);
    }
  });
}

// `draws` [rows] or NULL for the likeliest everywhere.
ENTRY void sample_run(Pool* pool, const float* logits, int64_t rows, int64_t vocabulary, const Draw* draws, int64_t* tokens) {
  pool->run([&](const Team& team) {
    Sampler sampler;
    const Range share = team.share(rows);
    for (long row = share.begin; row < share.end; row++) {
      const float* of = logits + row * vocabulary;
      tokens[row] = draws ? sampler(of, vocabulary, draws[row]) : argmax(of, vocabulary);
    }
  });
}

// A function of functions.h over n values.
ENTRY void function_run(int which, const float* x, int64_t n, float* out) {
  for (long i = 0; i < n; i += W) {
    const F value = load(x + i, n - i);
    const F results[] = {exp(value), silu(value), tanh(value), erf(value), gelu(value), gelu_tanh(value), relu(value)};
    store(out + i, results[which], n - i);
  }
}
