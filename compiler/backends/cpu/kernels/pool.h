// One pool of threads for whole steps: every thread runs the same function on its part, with barriers between dependent kernels.
//
// A thread that waits spins for a bounded time, in which a partner on its own core arrives, and then sleeps: with more runnable
// threads than cores, spinning on would hold the core that the partner needs. Parts are static, so that results do not depend
// on which thread was faster.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "simd.h"

namespace kernels {

struct Range {
  long begin, end;
};

INLINE void relax() {
#if defined(__SSE2__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// A number that only grows, and threads that wait for it to change.
class Turn {
 public:
  uint32_t now() const { return turn_.load(std::memory_order_acquire); }

  void next() {
    // Sequentially consistent on both sides: either the waiter sees the new turn or this sees the waiter.
    turn_.fetch_add(1);
    if (sleepers_.load() == 0) return;
    { std::lock_guard<std::mutex> held(mutex_); }
    changed_.notify_all();
  }

  // Where spinning failed, the partner is likely not running at all, perhaps waiting for this very core: then most waits give up
  // early, and one in EVERY spins on in case that has changed.
  void wait_past(uint32_t turn, int spins) {
    const bool hopeful = !failed_.load(std::memory_order_relaxed) || tries_.fetch_add(1, std::memory_order_relaxed) % EVERY == 0;
    const int most = hopeful ? spins : spins / (int)EVERY;
    for (int i = 0; i < most; i++) {
      if (now() != turn) {
        if (hopeful) failed_.store(false, std::memory_order_relaxed);
        return;
      }
      relax();
    }
    failed_.store(true, std::memory_order_relaxed);
    std::unique_lock<std::mutex> held(mutex_);
    sleepers_.fetch_add(1);
    changed_.wait(held, [&] { return turn_.load() != turn; });
    sleepers_.fetch_sub(1);
  }

 private:
  static constexpr uint32_t EVERY = 16;

  alignas(64) std::atomic<uint32_t> turn_{0};
  std::atomic<bool> failed_{false};
  std::atomic<uint32_t> tries_{0};
  std::atomic<int> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
};

class Barrier {
 public:
  Barrier(int size, int spins) : size_(size), spins_(spins) {}

  // Returns in every thread after all have called it.
  void wait() {
    if (size_ == 1) return;
    uint32_t turn = turn_.now();
    if (arrived_.fetch_add(1) + 1 == size_) {
      arrived_.store(0);
      turn_.next();
    } else {
      turn_.wait_past(turn, spins_);
    }
  }

 private:
  const int size_, spins_;
  alignas(64) std::atomic<int> arrived_{0};
  Turn turn_;
};

// A thread's place among those that run a function together.
struct Team {
  int index, size;
  Barrier* between;

  // This thread's part of n equal items: parts differ by one item at most.
  Range share(long n) const { return {n * index / size, n * (index + 1) / size}; }
  void barrier() const {
    if (size > 1) between->wait();
  }
};

// Deals out items of unequal cost, in order, so that every thread gets neighbours of about the same cost in all.
class Dealer {
 public:
  Dealer(const Team& team, double total) : team_(team), total_(total) {}

  // Whether the next item is this thread's. Every thread asks about every item.
  bool mine(double cost) {
    const double middle = before_ + cost / 2;
    before_ += cost;
    return std::min<int>(middle / total_ * team_.size, team_.size - 1) == team_.index;
  }

 private:
  const Team team_;
  const double total_;
  double before_ = 0;
};

class Pool {
 public:
  // `threads` including the caller's, at least 1; `spins` pauses (about 30 ns each on a Zen 4) before a wait sleeps.
  Pool(int threads, int spins) : size_(threads), spins_(spins), owner_(getpid()), done_(threads, spins), steps_(threads, spins) {
    try {
      for (int i = 1; i < threads; i++) workers_.emplace_back([this, i] { work(i); });
    } catch (...) {
      // The workers that did start must end, or destroying them would end the process.
      stop();
      throw;
    }
  }

  ~Pool() {
    if (getpid() == owner_) {
      stop();
    } else {
      // A child of fork has no such threads: only their handles, which must not be joined.
      for (auto& worker : workers_) worker.detach();
    }
  }

  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int size() const { return size_; }

  // Runs job(team) in every thread and returns when all are done. Jobs do not throw. Calls from several threads take turns. In
  // a child of fork, where the workers do not exist, the caller does all parts.
  template <class Job>
  void run(const Job& job) {
    if (size_ == 1 || getpid() != owner_) {
      job(Team{0, 1, nullptr});
      return;
    }
    std::lock_guard<std::mutex> one_at_a_time(running_);
    call_ = [](const void* job, const Team& team) { (*static_cast<const Job*>(job))(team); };
    job_ = &job;
    start_.next();
    job(Team{0, size_, &steps_});
    done_.wait();
  }

 private:
  void work(int index) {
    uint32_t turn = 0;
    for (;;) {
      start_.wait_past(turn++, spins_);
      if (stopping_) return;
      call_(job_, Team{index, size_, &steps_});
      done_.wait();
    }
  }

  void stop() {
    stopping_ = true;
    start_.next();
    for (auto& worker : workers_) worker.join();
  }

  const int size_, spins_;
  const pid_t owner_;
  Turn start_;
  Barrier done_, steps_;
  std::mutex running_;
  void (*call_)(const void*, const Team&) = nullptr;
  const void* job_ = nullptr;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace kernels
