// What Python calls: the pool of threads that every other entry is given.
#include "entry.h"

using namespace kernels;

// NULL where the system grants no more threads.
ENTRY Pool* pool_new(int threads, int spins) {
  try {
    return new Pool(threads, spins);
  } catch (...) {
    return nullptr;
  }
}

ENTRY void pool_delete(Pool* pool) { delete pool; }

// Adds each thread's number, from 1, to `out` [barriers] between that many barriers: what the tests see of the pool.
ENTRY void pool_count(Pool* pool, long barriers, int64_t* out, int64_t* parts) {
  pool->run([&](const Team& team) {
    for (long i = 0; i < barriers; i++) {
      // Turns are taken without a lock, so that a barrier that lets one thread through too early loses an addition.
      for (int turn = 0; turn < team.size; turn++) {
        if (turn == team.index) out[i] += team.index + 1;
        team.barrier();
      }
    }
    Range share = team.share(barriers);
    parts[team.index] = share.end - share.begin;
  });
}

// What this library was compiled for: float32 lanes of a vector, and whether dot products of bytes and of bfloat16 are instructions.
ENTRY int lanes() { return W; }
ENTRY int instructions() {
  int found = 0;
#if defined(__AVX512VNNI__)
  found |= 1;
#endif
#if defined(__AVX512BF16__)
  found |= 2;
#endif
  return found;
}
