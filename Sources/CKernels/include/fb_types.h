// Types shared by every C door of CKernels. Dtype values equal `DType.rawValue` in Swift.
#ifndef FB_TYPES_H
#define FB_TYPES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  FB_BOOL = 0, FB_U8 = 1, FB_I8 = 2, FB_I16 = 3, FB_I32 = 4, FB_I64 = 5,
  FB_F16 = 6, FB_BF16 = 7, FB_F32 = 8, FB_F64 = 9, FB_C64 = 10, FB_C128 = 11
};
typedef int32_t fb_dtype;
#endif
