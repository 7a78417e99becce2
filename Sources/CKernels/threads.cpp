// The threads that share a loop's items, and the thread count of BLAS and oneDNN, which have threads of their own.
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "failure.hpp"
#include "gemm.hpp"
#include "include/fb_memory.h"
#include "include/fb_threads.h"

// libgomp's entry points; declared here because the compiler's own omp.h need not be installed.
extern "C" {
void omp_set_num_threads(int);
int omp_get_max_threads(void);
void openblas_set_num_threads(int);
}

namespace fbd {
namespace {

std::atomic<int> wanted{0};  // 0: OpenMP's own default
thread_local int adopted = 0;
thread_local bool isSharing = false;  // inside an item of a loop

// OpenMP's count before anybody changed it.
int threadsAtFirst() {
  static const int count = omp_get_max_threads();
  return count;
}

void setOpenMPThreads(int count) {
  threadsAtFirst();
  if (count == adopted) return;
  omp_set_num_threads(count);
  adopted = count;
}

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// The caller takes items from the front, helpers from the back: loop after loop a core finds the memory that it wrote last.
struct Loop {
  std::atomic<int64_t> taken{0}, front{0}, back{0}, done{0};
  std::atomic<int64_t> failedBytes{0};  // of an item's allocation that failed
  Starvation *const starved = starvation();
  const int64_t count;
  void (*const body)(void *, int64_t);
  void *const context;  // the caller's, valid until done == count

  Loop(int64_t count, void (*body)(void *, int64_t), void *context) : count(count), body(body), context(context) {}

  void work(bool isCaller) {
    while (taken.fetch_add(1, std::memory_order_relaxed) < count) {
      const int64_t i = isCaller ? front.fetch_add(1, std::memory_order_relaxed)
                                 : count - 1 - back.fetch_add(1, std::memory_order_relaxed);
      try {
        body(context, i);
      } catch (...) {
        noteFailure();
      }
      if (const int64_t bytes = fb_take_failure()) failedBytes.store(bytes, std::memory_order_relaxed);
      done.fetch_add(1, std::memory_order_release);
    }
  }
};

// BLAS and oneDNN stay on the thread of an item that calls them.
class Sharing {
 public:
  Sharing() : before(adopted) {
    isSharing = true;
    setOpenMPThreads(1);
  }
  ~Sharing() {
    isSharing = false;
    setOpenMPThreads(before ? before : threadCount());
  }

 private:
  const int before;
};

// The caller works too and waits only for items that somebody has taken, so a core that another process holds delays
// nothing but the item it is in: OpenMP's threads, which all have to arrive at the end of a region, would wait for a
// whole time slice. Nested and concurrent loops run on their own thread.
class Pool {
 public:
  void run(int64_t count, int threads, void (*body)(void *, int64_t), void *context) {
    if (count <= 1 || threads <= 1 || isSharing || isBusy.exchange(true, std::memory_order_acquire)) {
      for (int64_t i = 0; i < count; ++i) body(context, i);
      return;
    }
    const Sharing sharing;
    std::shared_ptr<Loop> current;
    try {
      current = std::make_shared<Loop>(count, body, context);
    } catch (...) {
      isBusy.store(false, std::memory_order_release);
      throw;
    }
    {
      const std::lock_guard<std::mutex> guard(lock);
      start(threads - 1);
      loop = current;
      generation.fetch_add(1, std::memory_order_release);
      if (sleeping > 0) wake.notify_all();
    }
    current->work(true);
    for (int spins = 0; current->done.load(std::memory_order_acquire) < count; ++spins) {
      if (spins < 2000) pause();
      else sched_yield();
    }
    {
      const std::lock_guard<std::mutex> guard(lock);
      loop = nullptr;
    }
    isBusy.store(false, std::memory_order_release);
    if (const int64_t bytes = current->failedBytes.load(std::memory_order_relaxed)) fb_note_failure(bytes);
  }

 private:
  // Waking a thread takes 10-20 µs, as long as many operations: one that has just worked looks out for more first, for
  // some 80 µs (a fourth of that: 12 % more time over 14 models and operations on two threads).
  static constexpr int kSpins = 4000;
  const bool spins = sysconf(_SC_NPROCESSORS_ONLN) > 1;
  std::atomic<bool> isBusy{false};
  std::atomic<uint64_t> generation{0};  // changed under the lock
  std::mutex lock;
  std::condition_variable wake;
  std::shared_ptr<Loop> loop;
  int sleeping = 0, started = 0, active = 0;

  void start(int helpers) {
    active = helpers;
    for (; started < helpers; ++started) {
      struct Start { Pool *pool; int index; };
      pthread_t thread;
      auto *argument = new (std::nothrow) Start{this, started};
      if (!argument) return;
      const int status = pthread_create(&thread, nullptr, [](void *raw) -> void * {
        const std::unique_ptr<Start> start(static_cast<Start *>(raw));
        start->pool->help(start->index);
        return nullptr;
      }, argument);
      if (status != 0) {
        delete argument;
        return;  // those that there are do the work
      }
      pthread_detach(thread);
    }
  }

  void help(int index) {
    const Sharing sharing;
    uint64_t seen = 0;
    while (true) {
      for (int i = 0; spins && i < kSpins && generation.load(std::memory_order_relaxed) == seen; ++i) pause();
      std::shared_ptr<Loop> current;
      {
        std::unique_lock<std::mutex> guard(lock);
        ++sleeping;
        while (generation.load(std::memory_order_relaxed) == seen) wake.wait(guard);
        --sleeping;
        seen = generation.load(std::memory_order_relaxed);
        if (index < active) current = loop;
      }
      if (current) {
        starvation() = current->starved;
        current->work(false);
        starvation() = nullptr;
      }
    }
  }
};

Pool &pool() {
  static Pool *const shared = new Pool();  // its threads never end
  return *shared;
}

}  // namespace

void adoptThreadCount(int64_t multiplications) {
  // A region that another process delays waits for a whole time slice: not worth it for a fraction of a millisecond.
  constexpr int64_t kWorthIt = int64_t(1) << 23;
  setOpenMPThreads(isSharing || multiplications < kWorthIt ? 1 : threadCount());
}

bool isWorthSharing(int64_t multiplications) { return multiplications >= int64_t(1) << 20; }

int sharingThreads() { return isSharing ? 1 : threadCount(); }

int threadCount() {
  const int count = wanted.load(std::memory_order_relaxed);
  return count ? count : threadsAtFirst();
}

void parallelFor(int64_t count, void (*body)(void *, int64_t), void *context) {
  pool().run(count, threadCount(), body, context);
}

}  // namespace fbd

extern "C" void fb_set_threads(int32_t count) {
  if (count < 1) count = 1;
  fbd::wanted.store(count, std::memory_order_relaxed);
  openblas_set_num_threads(count);  // which sets OpenMP's count for this thread
  fbd::adopted = count;
}

extern "C" int32_t fb_thread_count(void) { return fbd::threadCount(); }

extern "C" void fb_parallel_for(int64_t count, void (*body)(void *context, int64_t i), void *context) try {
  fbd::parallelFor(count, body, context);
} FBD_NOTES_FAILURE()

extern "C" void fb_adopt_blas_threads(int64_t multiplications) { fbd::adoptThreadCount(multiplications); }
