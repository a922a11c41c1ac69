// Keys and values in pages: [blocks, block tokens, 2 * kv heads, head_dim], the keys' heads before the values'. The engine's own
// layout (inference/engine/models/decoder.py), one such tensor a layer, in float32 or bfloat16.
#pragma once

#include "simd.h"

namespace kernels {

constexpr long MOST_HEAD_DIM = 256;

template <class C>
struct Pages {
  C* data;
  long block_tokens, kv_heads, head_dim;

  long token_width() const { return 2 * kv_heads * head_dim; }

  // Slots number the tokens of all blocks: block * block_tokens + offset.
  C* token(long slot) const { return data + slot * token_width(); }
};

// One request's tokens of one head, looked up in its blocks.
template <class C>
struct PagedTokens {
  typedef C Type;
  Pages<C> pages;
  const int32_t* table;  // the request's blocks, in order
  long head;

  const C* key(long place) const {
    const long block = table[place / pages.block_tokens];
    return pages.token(block * pages.block_tokens + place % pages.block_tokens) + head * pages.head_dim;
  }
  long value_after_key() const { return pages.kv_heads * pages.head_dim; }
};

// One text's tokens of one head, one after another, as a fused projection leaves them.
template <class C>
struct PackedTokens {
  typedef C Type;
  const C* keys;
  long stride;       // elements from token to token
  long value_offset;  // elements from a key to its value

  const C* key(long place) const { return keys + place * stride; }
  long value_after_key() const { return value_offset; }
};

// The keys and values of one new token, float32 [kv heads * head_dim] each, into its slot; a slot below 0 is padding and nothing
// is written. `heads` restricts the write to a range of kv heads.
template <class C>
INLINE void write_token(const Pages<C>& pages, long slot, const float* keys, const float* values, long first, long last) {
  if (slot < 0) return;
  C* to = pages.token(slot);
  const long width = pages.kv_heads * pages.head_dim;
  for (long i = first * pages.head_dim; i < last * pages.head_dim; i += W) {
    const long n = last * pages.head_dim - i;
    store(to + i, load(keys + i, n), n);
    store(to + width + i, load(values + i, n), n);
  }
}

}  // namespace kernels
