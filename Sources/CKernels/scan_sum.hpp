// Running sums of lines.
#ifndef FB_SCAN_SUM_HPP
#define FB_SCAN_SUM_HPP
#include <cstdint>

namespace fb {

// Lines begin..<end of n elements each, from their ends if reversed; y may be x.
void sumLines(const float *x, float *y, int64_t n, bool reversed, int64_t begin, int64_t end);
void sumLines(const double *x, double *y, int64_t n, bool reversed, int64_t begin, int64_t end);

}  // namespace fb
#endif
