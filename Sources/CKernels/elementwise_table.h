// Private to the elementwise engine: the tables of kernels, filled once for the CPU that runs.
#ifndef FB_ELEMENTWISE_TABLE_H
#define FB_ELEMENTWISE_TABLE_H
#include <complex>
#include <cstdlib>

#include "include/fb_elementwise.h"

namespace fb {

// Computes `n` elements. `out` may be the same memory as any operand; unused operands are null.
using Kernel = void (*)(const void *a, const void *b, const void *c, void *out, size_t n, int32_t *flags);

// The same for rows of n elements each, b a number for each of them, `step` apart.
using RowsKernel = void (*)(const void *a, const void *b, int64_t step, void *out, int64_t rows, size_t n);

struct KernelTable {
  Kernel at[FB_COMPUTE_COUNT][FB_OP_COUNT];
  // The same where b (and c) are one number for all elements; null where there is none.
  Kernel byNumber[FB_COMPUTE_COUNT][FB_OP_COUNT];
  RowsKernel byNumbers[FB_COMPUTE_COUNT][FB_OP_COUNT];
};

void fillReal(KernelTable &table);
void fillMath(KernelTable &table);
void fillSpecial(KernelTable &table);
void fillFused(KernelTable &table);
void fillInteger(KernelTable &table);
void fillUnsigned(KernelTable &table);
void fillComplex(KernelTable &table);

// Converts `n` elements, `stride` elements apart in the tensor (0: one element repeated), packed in the register.
using Load = void (*)(const void *tensor, int64_t stride, void *packed, size_t n);
using Store = void (*)(const void *packed, void *tensor, int64_t stride, size_t n);

// Null where no program needs the conversion: only integers are read as uint64.
struct ConversionTable {
  Load load[FB_DTYPE_COUNT][FB_COMPUTE_COUNT];
  Store store[FB_COMPUTE_COUNT][FB_DTYPE_COUNT];
  Load copyIn[5];    // raw elements of 1, 2, 4, 8, 16 bytes
  Store copyOut[5];
};

void fillConversions(ConversionTable &table);

// A copy between operands of one dtype, bit by bit; false if these have no such copy.
bool copyElements(const fb_operand &in, const fb_operand &out, int32_t ndim, const int64_t *shape, int64_t begin,
                  int64_t end);

const KernelTable &kernels();
const ConversionTable &conversions();

constexpr size_t tileSize = 512;
constexpr fb_dtype nativeDtype[FB_COMPUTE_COUNT] = {FB_I64, FB_F32, FB_F64, FB_C64, FB_C128, FB_U64};

// Ends the process for a number that names no dtype.
inline fb_dtype checked(fb_dtype dtype) {
  if (dtype < 0 || dtype >= FB_DTYPE_COUNT) std::abort();
  return dtype;
}

// Bytes of an element.
inline size_t sizeOf(fb_dtype dtype) {
#define X(name, bytes, compute) bytes,
  constexpr size_t sizes[FB_DTYPE_COUNT] = {FB_DTYPES(X)};
#undef X
  return sizes[checked(dtype)];
}

// The type in which programs compute with a dtype.
inline int32_t computeOf(fb_dtype dtype) {
#define X(name, bytes, compute) FB_COMPUTE_##compute,
  constexpr int32_t computes[FB_DTYPE_COUNT] = {FB_DTYPES(X)};
#undef X
  return computes[checked(dtype)];
}

// The conversions between a dtype and a type of computation; the process ends if there is none.
inline Load loadOf(fb_dtype dtype, int32_t compute) {
  const Load load = conversions().load[checked(dtype)][compute];
  if (load == nullptr) std::abort();
  return load;
}
inline Store storeOf(int32_t compute, fb_dtype dtype) {
  const Store store = conversions().store[compute][checked(dtype)];
  if (store == nullptr) std::abort();
  return store;
}

// Asserts that iterations do not depend on each other, which also holds where `out` is an operand.
#define FB_VECTORIZE _Pragma("clang loop vectorize(assume_safety)")

}  // namespace fb
#endif
