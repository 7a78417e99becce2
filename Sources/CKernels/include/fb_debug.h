// What runs here: calling functions, instruction set.
#ifndef FB_DEBUG_H
#define FB_DEBUG_H
#ifdef __cplusplus
extern "C" {
#endif
// Calls `visit` for at most `limit` frames, innermost first, with demangled names where the toolchain can.
void fb_backtrace(int limit, void *context, void (*visit)(void *context, const char *symbol));
// The name of the instruction set that vector kernels use on this machine.
const char *fb_vector_target(void);
// The name of the processor whose kernels OpenBLAS takes.
const char *fb_blas_core(void);
#ifdef __cplusplus
}
#endif
#endif
