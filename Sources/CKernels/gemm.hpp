// One matrix product on typed buffers; the convolutions use it too.
#ifndef FBD_GEMM_HPP
#define FBD_GEMM_HPP
#include "include/fb_gemm.h"
#include "numeric.hpp"

namespace fbd {

template <class T>
struct Product {
  int transA, transB;
  int64_t m, n, k;
  T alpha;
  const T *a;
  int64_t lda;
  const T *b;
  int64_t ldb;
  T beta;
  T *c;
  int64_t ldc;
};

constexpr int64_t kSmallProduct = 8000;  // multiplications below which calling BLAS costs more than it saves

// A right matrix packed by packRight, from a column on that is a multiple of kPackedColumns.
template <class T>
struct PackedRight {
  const T *data = nullptr;
  int64_t columns = 0, first = 0;  // of the whole matrix; of the part that is read
};
constexpr int64_t kPackedColumns = 64;

// Any type but bool and halves. The bias, if there is one, is added to each row and takes the place of beta C.
template <class T> void multiply(Product<T> p, const T *bias = nullptr, const PackedRight<T> &packed = {});
// Float or double of any size on the calling thread; meant for small products.
void multiplySmall(const Product<float> &p);
void multiplySmall(const Product<double> &p);
// Float or double on the calling thread, for products that pay for packing; beta is 0 or 1.
void multiplyPanels(const Product<float> &p, const float *bias, const PackedRight<float> &packed = {});
void multiplyPanels(const Product<double> &p, const double *bias, const PackedRight<double> &packed = {});
// The right matrix of p for any number of such products; packedElements(n, k) of them.
void packRight(const Product<float> &p, float *to);
void packRight(const Product<double> &p, double *to);
int64_t packedElements(int64_t n, int64_t k);

// Makes OpenMP regions of the calling thread use all threads, or one for little work and inside an item of parallelFor.
void adoptThreadCount(int64_t multiplications);
// Whether parallelFor gains anything.
bool isWorthSharing(int64_t multiplications);
int threadCount();
// How many threads parallelFor uses here: one inside an item of another.
int sharingThreads();
// fb_parallel_for.
void parallelFor(int64_t count, void (*body)(void *context, int64_t i), void *context);

// Calls body(i) for `count` items, shared out among the threads if that is worth it.
template <class Body> void forItems(int64_t count, bool shares, const Body &body) {
  const auto item = [](void *body, int64_t i) { (*static_cast<const Body *>(body))(i); };
  if (shares) parallelFor(count, item, const_cast<Body *>(&body));
  else for (int64_t i = 0; i < count; ++i) body(i);
}

}  // namespace fbd
#endif
