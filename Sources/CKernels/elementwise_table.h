// Private to the elementwise engine: the tables of kernels, filled once for the CPU that runs.
#ifndef FB_ELEMENTWISE_TABLE_H
#define FB_ELEMENTWISE_TABLE_H
#include <complex>

#include "include/fb_elementwise.h"

namespace fb {

// Computes `n` elements. `out` may be the same memory as any operand; unused operands are null.
using Kernel = void (*)(const void *a, const void *b, const void *c, void *out, size_t n, int32_t *flags);

// The same for rows of n elements each, b a number for each of them, `step` apart.
using RowsKernel = void (*)(const void *a, const void *b, int64_t step, void *out, int64_t rows, size_t n);

struct KernelTable {
  Kernel at[5][FB_OP_COUNT];
  // The same where b (and c) are one number for all elements; null where there is none.
  Kernel byNumber[5][FB_OP_COUNT];
  RowsKernel byNumbers[5][FB_OP_COUNT];
};

void fillReal(KernelTable &table);
void fillMath(KernelTable &table);
void fillSpecial(KernelTable &table);
void fillFused(KernelTable &table);
void fillInteger(KernelTable &table);
void fillComplex(KernelTable &table);

// Converts `n` elements, `stride` elements apart in the tensor (0: one element repeated), packed in the register.
using Load = void (*)(const void *tensor, int64_t stride, void *packed, size_t n);
using Store = void (*)(const void *packed, void *tensor, int64_t stride, size_t n);

struct ConversionTable {
  Load load[12][5];
  Store store[5][12];
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
constexpr size_t dtypeSize[12] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16};
constexpr fb_dtype nativeDtype[5] = {FB_I64, FB_F32, FB_F64, FB_C64, FB_C128};
constexpr int32_t computeOf[12] = {FB_COMPUTE_I64, FB_COMPUTE_I64, FB_COMPUTE_I64, FB_COMPUTE_I64,
                                   FB_COMPUTE_I64, FB_COMPUTE_I64, FB_COMPUTE_F32, FB_COMPUTE_F32,
                                   FB_COMPUTE_F32, FB_COMPUTE_F64, FB_COMPUTE_C64, FB_COMPUTE_C128};

// Asserts that iterations do not depend on each other, which also holds where `out` is an operand.
#define FB_VECTORIZE _Pragma("clang loop vectorize(assume_safety)")

}  // namespace fb
#endif
