// Sorting, selection, unique values, searching and counting. NaN counts as larger than everything.
#ifndef FB_SORT_H
#define FB_SORT_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

// x is contiguous [outer, n, inner]; a line runs along n. Ranges are over lines: begin..<end of outer * inner.
// All real dtypes. Results: values [outer, n or k, inner] and the positions in the line.

// Stable in both directions (descending: equal values keep their order, NaN first). values may be null.
void fb_sort(fb_dtype dtype, const void *x, int64_t outer, int64_t n, int64_t inner, bool descending, void *values,
             int64_t *indices, int64_t begin, int64_t end);
// The k largest or smallest, in order if `sorted`. 0 <= k <= n.
void fb_topk(fb_dtype dtype, const void *x, int64_t outer, int64_t n, int64_t inner, int64_t k, bool largest,
             bool sorted, void *values, int64_t *indices, int64_t begin, int64_t end);
// The k-th smallest, 1 <= k <= n.
void fb_kthvalue(fb_dtype dtype, const void *x, int64_t outer, int64_t n, int64_t inner, int64_t k, void *values,
                 int64_t *indices, int64_t begin, int64_t end);
// The lower median; with ignore_nan of the values that are no NaN (NaN if there are none), otherwise the first NaN of a
// line that has one. n >= 1.
void fb_median(fb_dtype dtype, const void *x, int64_t outer, int64_t n, int64_t inner, bool ignore_nan, void *values,
               int64_t *indices, int64_t begin, int64_t end);
// The smallest of the most frequent values and one of its positions. n >= 1.
void fb_mode(fb_dtype dtype, const void *x, int64_t outer, int64_t n, int64_t inner, void *values, int64_t *indices,
             int64_t begin, int64_t end);

// The distinct values of x[0..<n] in ascending order; every NaN is distinct. inverse[i]: where x[i] went; counts:
// occurrences; both may be null. values and counts have room for n. Returns the number of values.
int64_t fb_unique(fb_dtype dtype, const void *x, int64_t n, void *values, int64_t *inverse, int64_t *counts);
// The same for neighbours only, in the order of x.
int64_t fb_unique_consecutive(fb_dtype dtype, const void *x, int64_t n, void *values, int64_t *inverse,
                              int64_t *counts);
// Distinct rows of x [n, inner], in lexicographic order, or (consecutive) runs in the order of x. first[u]: a row of x
// that holds the u-th.
int64_t fb_unique_rows(fb_dtype dtype, const void *x, int64_t n, int64_t inner, bool consecutive, int64_t *first,
                       int64_t *inverse, int64_t *counts);

// out[r][j] = how many of the ascending line r of `sorted` lie before values[r][j] (right: before or equal).
// sorted: [rows, n], or [n] for all rows if sorted_rows is 1; values: [rows, m]; sorter: null, or the order in which
// to read `sorted`, of its shape. Range: begin..<end of rows * m.
void fb_searchsorted(fb_dtype dtype, const void *sorted, int64_t sorted_rows, int64_t n, const int64_t *sorter,
                     const void *values, int64_t m, bool right, int64_t *out, int64_t begin, int64_t end);
// out[x[i]] += weights[i], or 1. x: an integer dtype. out has `bins` elements: of weights_dtype (float32, float64) if
// weights, int64 otherwise; cleared first. Returns -1, or the position of the first x outside 0..<bins.
int64_t fb_bincount(fb_dtype dtype, const void *x, int64_t n, const void *weights, fb_dtype weights_dtype, void *out,
                    int64_t bins);
// Counts of x, a float dtype, in `bins` equal intervals of low...high (high belongs to the last); values outside and
// NaN are left out. out: `bins` values of the dtype; weights of the dtype or null.
void fb_histc(fb_dtype dtype, const void *x, int64_t n, const void *weights, double low, double high, int64_t bins,
              void *out);
// The same with bins + 1 ascending edges of the dtype.
void fb_histogram(fb_dtype dtype, const void *x, int64_t n, const void *weights, const void *edges, int64_t bins,
                  void *out);

#ifdef __cplusplus
}
#endif
#endif
