// Reading and writing at computed places: gather, scatter, index_*, advanced indexing, masks, nonzero.
#ifndef FB_INDEX_H
#define FB_INDEX_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

// Indices are int64; in fb_take, fb_put, fb_index_fill and advanced indexing negative ones count from the end, elsewhere
// they are out of range. Functions that return int64_t and take indices return -1, or the
// linear position in the index array of an index out of range: the first one in the range given. Then targets that are
// updated in place are untouched (fb_scatter's may be written in part), and an `out` is unspecified.
// item_size: 1, 2, 4, 8 or 16 bytes. Strides are in elements. Destinations must not overlap themselves.

enum { FB_SCATTER_ASSIGN = 0, FB_SCATTER_SUM = 1, FB_SCATTER_PROD = 2, FB_SCATTER_MEAN = 3, FB_SCATTER_AMAX = 4,
       FB_SCATTER_AMIN = 5 };

// gather and scatter along `dim`: index is contiguous of `shape`; the other operand has the strides given; `size` is
// the size of dim there. ndim >= 1. Ranges are over the lines along dim: begin..<end of the product of the other dims
// of `shape` (fb_line_count), so that scatters may be split among threads.
int64_t fb_line_count(int32_t ndim, const int64_t *shape, int32_t dim);
// out[i][j][k] = source[i][index[i][j][k]][k]; out is contiguous of `shape`.
int64_t fb_gather(int64_t item_size, int32_t ndim, const int64_t *shape, int32_t dim, const int64_t *index,
                  const void *source, const int64_t *source_strides, int64_t size, void *out, int64_t begin,
                  int64_t end);
// target[i][index[i][j][k]][k] (mode)= source[i][j][k]; a source stride of 0 in all dims scatters one value.
// include_self false: the old values of the places written do not take part (modes other than ASSIGN).
int64_t fb_scatter(fb_dtype dtype, int32_t mode, bool include_self, int32_t ndim, const int64_t *shape, int32_t dim,
                   const int64_t *index, const void *source, const int64_t *source_strides, void *target,
                   const int64_t *target_strides, int64_t size, int64_t begin, int64_t end);

// Rows: source is contiguous [outer, n, inner], index has `count` entries.
// out[o][j] = source[o][index[j]]; out is [outer, count, inner]. Range: rows of out, outer * count.
int64_t fb_index_select(int64_t item_size, const void *source, int64_t outer, int64_t n, int64_t inner,
                        const int64_t *index, int64_t count, void *out, int64_t begin, int64_t end);
// target[o][index[j]] (mode)= source[o][j]; target is [outer, n, inner]. index_copy (ASSIGN), index_add (SUM; multiply
// by alpha before), index_reduce. Range: rows begin..<end of n, each thread scanning all indices; order is kept, so
// results do not depend on the split.
int64_t fb_index_rows(fb_dtype dtype, int32_t mode, bool include_self, void *target, int64_t outer, int64_t n,
                      int64_t inner, const int64_t *index, int64_t count, const void *source, int64_t begin,
                      int64_t end);
// target[o][index[j]] = *value.
int64_t fb_index_fill(int64_t item_size, void *target, int64_t outer, int64_t n, int64_t inner, const int64_t *index,
                      int64_t count, const void *value);
// Gradient of embedding: dweight[row] = sum of dy[j] with index[j] == row, in order; rows begin..<end of dweight are
// cleared first. padding_idx: a row that stays 0, or -1. counts: null, or scale_grad_by_freq's occurrences per row
// (each dy is divided by its row's). Indices must be in range (the forward pass has checked them).
void fb_embedding_backward(fb_dtype dtype, const void *dy, const int64_t *index, int64_t count, int64_t inner,
                           int64_t padding_idx, const int64_t *counts, void *dweight, int64_t begin, int64_t end);

// Advanced indexing: k index arrays, broadcast together, replace k dims of a strided source. Everything is expressed
// over the dims of the result: `shape`; `strides` of the source for the dims that stay (0 for the dims that the indices
// make); index array a has data indices[a] and strides index_strides[a * ndim ...] (0 for the dims that stay), and
// addresses a source dim of size sizes[a] and stride indexed_strides[a]. Examples:
//   x[i, :, j] with x [A, B, C], i and j [n]: shape [n, B], strides [0, x.strides[1]], index_strides [1, 0, 1, 0].
//   x[mask]: the columns of nonzero(mask) as index arrays with stride mask.ndim.
// At most FB_MAX_DIMS result dims.
enum { FB_MAX_DIMS = 64 };
typedef struct {
  int32_t ndim, n_indices;
  const int64_t *shape, *strides;
  const int64_t *const *indices;
  const int64_t *index_strides, *sizes, *indexed_strides;
} fb_index_args;
// Both return -1, or the linear position in `shape` of the first element with an index out of range.
// out: contiguous. Range: elements begin..<end of the result.
int64_t fb_index_get(const fb_index_args *args, int64_t item_size, const void *source, void *out, int64_t begin,
                     int64_t end);
// target (strided as described) [...] = or += values, which have value_strides over `shape`.
int64_t fb_index_put(const fb_index_args *args, fb_dtype dtype, bool accumulate, void *target, const void *values,
                     const int64_t *value_strides);

// out[j] = source[index[j]] of flat, contiguous data. Range: begin..<end of `index`.
int64_t fb_take(int64_t item_size, const void *source, int64_t n, const int64_t *index, void *out, int64_t begin,
                int64_t end);
int64_t fb_put(fb_dtype dtype, bool accumulate, void *target, int64_t n, const int64_t *index, int64_t count,
               const void *source);

// The number of elements that are not zero (NaN is not zero), begin..<end.
int64_t fb_count_nonzero(fb_dtype dtype, const void *x, int64_t begin, int64_t end);
// Writes the coordinates in `shape` of the nonzero elements begin..<end as rows of ndim values; returns their number.
int64_t fb_nonzero(fb_dtype dtype, const void *x, int32_t ndim, const int64_t *shape, int64_t *coordinates,
                   int64_t begin, int64_t end);
// out = the elements of source where mask; returns their number. All contiguous and of n elements.
int64_t fb_masked_select(int64_t item_size, const void *source, const bool *mask, int64_t n, void *out);
// target where mask = the elements of source in order. Returns the number that the mask needs; nothing is written if
// source_count is less.
int64_t fb_masked_scatter(int64_t item_size, void *target, const bool *mask, int64_t n, const void *source,
                          int64_t source_count);

#ifdef __cplusplus
}
#endif
#endif
