// Rows of an embedding table.
#pragma once

#include "simd.h"

namespace kernels {

INLINE F widened(const int8_t* p, long n) {
  typedef int8_t I8 __attribute__((vector_size(W)));
  I8 some{};
  std::memcpy(&some, p, n < W ? n : W);
  return __builtin_convertvector(some, F);
}
template <class T>
INLINE F widened(const T* p, long n) {
  return load(p, n);
}

template <class T>
struct Table {
  const T* rows;  // [count, width] float32, bfloat16 or int8
  long count, width;
  const float* scales = nullptr;  // [count], of int8
};

// out [width] = row `id`, or where `add` is true, out += that row. An id that the table does not have makes NaN: no memory beyond
// the table is read, and the sampler refuses what follows.
template <class T>
INLINE void embed(const Table<T>& table, int64_t id, float* out, bool add = false) {
  const bool known = id >= 0 && id < table.count;
  const float scale = !known ? NAN : table.scales ? table.scales[id] : 1.0f;
  const T* row = table.rows + (known ? id : 0) * table.width;
  for (long i = 0; i < table.width; i += W) {
    const long n = table.width - i;
    F value = widened(row + i, n) * scale;
    store(out + i, add ? load(out + i, n) + value : value, n);
  }
}

}  // namespace kernels
