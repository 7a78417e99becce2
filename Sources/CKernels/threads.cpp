// The thread count of BLAS and oneDNN, and loops on the same OpenMP threads.
#include <atomic>

#include "gemm.hpp"

// libgomp's entry points; declared here because the compiler's own omp.h need not be installed.
extern "C" {
void omp_set_num_threads(int);
int omp_get_max_threads(void);
int omp_in_parallel(void);
void openblas_set_num_threads(int);
void GOMP_parallel(void (*fn)(void *), void *data, unsigned num_threads, unsigned flags);
}

namespace fbd {
namespace {

std::atomic<int> wanted{0};  // 0: OpenMP's own default
thread_local int adopted = 0;

struct Loop {
  std::atomic<int64_t> next;
  int64_t count;
  void (*body)(void *, int64_t);
  void *context;
};

}  // namespace

int adoptThreadCount(int64_t multiplications) {
  // A region that another process delays waits for a whole time slice: not worth it for a fraction of a millisecond.
  constexpr int64_t kWorthSharing = int64_t(1) << 23;
  const int count = multiplications < kWorthSharing ? 1 : threadCount();
  if (count != adopted) {
    omp_set_num_threads(count);
    adopted = count;
  }
  return count;
}

int threadCount() {
  static const int all = omp_get_max_threads();
  int count = wanted.load(std::memory_order_relaxed);
  return count ? count : all;
}

void parallelFor(int64_t count, void (*body)(void *, int64_t), void *context) {
  int64_t threads = std::min<int64_t>(count, threadCount());
  Loop loop{{0}, count, body, context};
  auto work = [](void *raw) {
    Loop &loop = *static_cast<Loop *>(raw);
    for (int64_t i; (i = loop.next.fetch_add(1, std::memory_order_relaxed)) < loop.count;) loop.body(loop.context, i);
  };
  if (threads <= 1 || omp_in_parallel()) work(&loop);
  else GOMP_parallel(work, &loop, unsigned(threads), 0);
}

}  // namespace fbd

extern "C" void fb_set_blas_threads(int32_t count) {
  if (count < 1) count = 1;
  fbd::wanted.store(count, std::memory_order_relaxed);
  openblas_set_num_threads(count);  // which sets OpenMP's count for this thread
  fbd::adopted = count;
}

extern "C" void fb_adopt_blas_threads(int64_t multiplications) { fbd::adoptThreadCount(multiplications); }

extern "C" int32_t fb_get_blas_threads(void) { return fbd::threadCount(); }
