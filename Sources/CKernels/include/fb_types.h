// Types shared by every C door of CKernels.
#ifndef FB_TYPES_H
#define FB_TYPES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// X(name, bytes, compute): the element types of tensors in the order of `DType.rawValue` in Swift, the bytes of an
// element, and the type in which elementwise programs compute with them.
#define FB_DTYPES(X) \
  X(BOOL, 1, I64) X(U8, 1, I64) X(I8, 1, I64) X(I16, 2, I64) X(I32, 4, I64) X(I64, 8, I64) \
  X(F16, 2, F32) X(BF16, 2, F32) X(F32, 4, F32) X(F64, 8, F64) X(C64, 8, C64) X(C128, 16, C128) \
  X(U16, 2, I64) X(U32, 4, I64) X(U64, 8, U64) X(F8_E4M3FN, 1, F32) X(F8_E5M2, 1, F32) X(C32, 4, C64)

// A switch over these names has no default, so that the compiler lists the places that a new dtype changes.
typedef enum {
#define X(name, bytes, compute) FB_##name,
  FB_DTYPES(X)
#undef X
} fb_dtype_name;

#define X(name, bytes, compute) +1
enum { FB_DTYPE_COUNT = 0 FB_DTYPES(X) };
#undef X

// One of the numbers above, in structs and calls.
typedef int32_t fb_dtype;
#endif
