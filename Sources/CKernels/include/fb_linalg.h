// Decompositions of matrices by LAPACK. Arrays are row-major and packed, a batch of matrices behind each other; every
// call works on the matrices begin..<end. `dtype` is F32, F64, C64 or C128; `info` is LAPACK's, one a matrix: 0 if all
// went well, k > 0 if the k-th pivot, minor or value failed.
#ifndef FB_LINALG_H
#define FB_LINALG_H
#include "fb_types.h"
#ifdef __cplusplus
extern "C" {
#endif

// l [n, n] with a = l lᴴ, or with `upper` a = lᴴ l; the other triangle is zero. Only that triangle of a is read.
void fb_cholesky(fb_dtype dtype, bool upper, int64_t n, const void *a, void *l, int32_t *info, int64_t begin,
                 int64_t end);

// a [m, n] = P L U: both factors in lu [m, n], rows exchanged as pivots [min(m, n)] say (from 1).
void fb_lu(fb_dtype dtype, int64_t m, int64_t n, const void *a, void *lu, int32_t *pivots, int32_t *info,
           int64_t begin, int64_t end);

// x [n, k] with a x = b, by the factors that come along.
void fb_solve(fb_dtype dtype, int64_t n, int64_t k, const void *a, const void *b, void *x, void *lu, int32_t *pivots,
              int32_t *info, int64_t begin, int64_t end);

void fb_inverse(fb_dtype dtype, int64_t n, const void *a, void *x, int32_t *info, int64_t begin, int64_t end);

// x [m, n] with op(a) x = b, or x op(a) = b unless `left`; a [m, m] or [n, n] is triangular, op its conjugate
// transpose if `adjoint`.
void fb_solve_triangular(fb_dtype dtype, bool upper, bool left, bool unit, bool adjoint, int64_t m, int64_t n,
                         const void *a, const void *b, void *x, int64_t begin, int64_t end);

// Householder's form of a [m, n] = Q R: R and the reflectors in qr [m, n], their factors in tau [min(m, n)].
void fb_geqrf(fb_dtype dtype, int64_t m, int64_t n, const void *a, void *qr, void *tau, int64_t begin, int64_t end);

// The first n columns of the product of k reflectors, from v [m, columns] (columns >= k) and tau [k], into q [m, n].
void fb_householder(fb_dtype dtype, int64_t m, int64_t n, int64_t columns, int64_t k, const void *v, const void *tau,
                    void *q, int64_t begin, int64_t end);

// y [m, n] = Q c or c Q, or with Qᴴ if `adjoint`; v [left ? m : n, k].
void fb_ormqr(fb_dtype dtype, bool left, bool adjoint, int64_t m, int64_t n, int64_t k, const void *v,
              const void *tau, const void *c, void *y, int64_t begin, int64_t end);

// a [m, n] = u diag(s) vh: u [m, m], vh [n, n], or [m, k] and [k, n] with k = min(m, n) unless `full`; no vectors if
// u is NULL. s is real.
void fb_svd(fb_dtype dtype, bool full, int64_t m, int64_t n, const void *a, void *u, void *s, void *vh, int32_t *info,
            int64_t begin, int64_t end);

// Of a Hermitian matrix, of which one triangle is read: values w [n], real and rising; vectors v [n, n], or NULL.
void fb_eigh(fb_dtype dtype, bool upper, int64_t n, const void *a, void *w, void *v, int32_t *info, int64_t begin,
             int64_t end);

// Of any square matrix: values w [n] and vectors v [n, n] (or NULL), both complex.
void fb_eig(fb_dtype dtype, int64_t n, const void *a, void *w, void *v, int32_t *info, int64_t begin, int64_t end);

enum { FB_GELS = 0, FB_GELSY = 1, FB_GELSD = 2, FB_GELSS = 3 };
// x [n, k] with the least |a x - b| (and of those the least |x|), a [m, n], b [m, k]; ranks [1] a matrix except for
// GELS, s [min(m, n)] only for GELSD and GELSS.
void fb_lstsq(fb_dtype dtype, int32_t driver, double rcond, int64_t m, int64_t n, int64_t k, const void *a,
              const void *b, void *x, int64_t *ranks, void *s, int32_t *info, int64_t begin, int64_t end);

// a = L D Lᵀ (or Lᴴ if `hermitian`) from the lower triangle of a [n, n].
void fb_ldl(fb_dtype dtype, bool hermitian, int64_t n, const void *a, void *ld, int32_t *pivots, int32_t *info,
            int64_t begin, int64_t end);
void fb_ldl_solve(fb_dtype dtype, bool hermitian, int64_t n, int64_t k, const void *ld, const int32_t *pivots,
                  const void *b, void *x, int64_t begin, int64_t end);

// x = the exponential of a [n, n].
void fb_matrix_exp(fb_dtype dtype, int64_t n, const void *a, void *x, int64_t begin, int64_t end);

#ifdef __cplusplus
}
#endif
#endif
