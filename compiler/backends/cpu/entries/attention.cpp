// What Python calls: writes to pages and attention over them, and over packed texts.
#include "attention.h"
#include "blocked.h"
#include "cache.h"
#include "entry.h"
#include "ragged.h"
#include "rope.h"

using namespace kernels;

// Mirrored by `bindings.PagesCall`.
struct PagesCall {
  void* data;
  int64_t half, block_tokens, kv_heads, head_dim;

  template <class C>
  Pages<C> as() const {
    return {(C*)data, block_tokens, kv_heads, head_dim};
  }
};

ENTRY void rope_run(Pool* pool, float* heads, int64_t tokens, int64_t stride, int64_t count, int64_t head_dim, const float* cosines,
                    const float* sines, int64_t half, const int64_t* positions) {
  pool->run([&](const Team& team) {
    const Range share = team.share(tokens);
    for (long token = share.begin; token < share.end; token++)
      rotate(heads + token * stride, count, head_dim, {cosines, sines, half}, positions[token]);
  });
}

// Keys and values [tokens, stride] of new tokens to their slots.
ENTRY void write_run(Pool* pool, const PagesCall* call, const float* keys, const float* values, int64_t stride, int64_t tokens,
                     const int64_t* slots) {
  pool->run([&](const Team& team) {
    const Range share = team.share(tokens);
    for (long token = share.begin; token < share.end; token++) {
      const float *key = keys + token * stride, *value = values + token * stride;
      if (call->half)
        write_token(call->as<bf16>(), slots[token], key, value, 0, call->kv_heads);
      else
        write_token(call->as<float>(), slots[token], key, value, 0, call->kv_heads);
    }
  });
}

template <class C>
static void decode(Pool* pool, const DecodeAttention<C>& work) {
  pool->run([&](const Team& team) { attend(work, team); });
}

ENTRY void decode_run(Pool* pool, const PagesCall* call, const int32_t* tables, int64_t table_width, const int32_t* lengths,
                      int64_t requests, int64_t heads, int64_t window, float scale, const float* q, int64_t q_stride, float* out) {
  if (call->half)
    decode<bf16>(pool, {call->as<bf16>(), tables, table_width, lengths, requests, heads, window, scale, q, q_stride, out});
  else
    decode<float>(pool, {call->as<float>(), tables, table_width, lengths, requests, heads, window, scale, q, q_stride, out});
}

template <class C>
static void prompt(Pool* pool, const PromptAttention<C>& work) {
  pool->run([&](const Team& team) { attend(work, team); });
}

ENTRY void prompt_run(Pool* pool, const PagesCall* call, const int32_t* tables, int64_t table_width, const int32_t* starts,
                      const int32_t* lengths, int64_t requests, int64_t heads, int64_t window, float scale, const float* q,
                      int64_t q_stride, float* out) {
  if (call->half)
    prompt<bf16>(pool, {call->as<bf16>(), tables, table_width, starts, lengths, requests, heads, window, scale, q, q_stride, out});
  else
    prompt<float>(pool,
                  {call->as<float>(), tables, table_width, starts, lengths, requests, heads, window, scale, q, q_stride, out});
}

// qkv [tokens, 3, heads, head_dim] and out [tokens, heads * head_dim], both bfloat16 or both float32. `starts` [texts + 1].
ENTRY void encoder_run(Pool* pool, const void* qkv, int64_t half, const int32_t* starts, int64_t texts, int64_t heads,
                       int64_t head_dim, float scale, void* out) {
  pool->run([&](const Team& team) {
    const Texts all{starts, starts + 1, texts};
    if (half)
      attend(RaggedAttention<Bf16, bf16, bf16>{(const bf16*)qkv, all, heads, head_dim, scale, (bf16*)out}, team);
    else
      attend(RaggedAttention<Float, float, float>{(const float*)qkv, all, heads, head_dim, scale, (float*)out}, team);
  });
}
