// Copies of rows that are neither tiny nor long.
#ifndef FBD_COPY_ROWS_HPP
#define FBD_COPY_ROWS_HPP
#include <cstdint>

namespace fbd {

// Whether the functions below take rows of this length.
bool isVectorRow(int64_t bytes);

void copyRows(const void *from, int64_t fromStep, void *to, int64_t toStep, int64_t rows, int64_t bytes);

// to[r] = from[index[r]] for rows that lie side by side; indices are at least -n and less than n.
void copyIndexedRows(const void *from, int64_t n, const int64_t *index, void *to, int64_t rows, int64_t bytes);

}  // namespace fbd
#endif
