// Private to maximum pooling: whole vectors of outputs of a row.
#ifndef FB_POOL_MAX_KERNELS_H
#define FB_POOL_MAX_KERNELS_H
#include <cstdint>

namespace fb {

// One row of float outputs whose windows lie inside the input along the width.
struct MaxPoolRow {
  const float *x;          // the plane
  const int64_t *rows;     // where the windows' rows begin in it, first those above
  int64_t rowCount, kernel, stride;  // stride 1 or 2
  int64_t shift;           // column of output 0's window
  int64_t first, end;      // outputs; with stride 2 and an odd kernel there is an element behind each window
  float *y;
  int64_t *places;         // may be null
};

// False, and nothing done, if these are fewer than a vector.
bool maxPoolRow(const MaxPoolRow &row);

}  // namespace fb
#endif
