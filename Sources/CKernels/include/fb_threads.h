// The threads of all kernels.
#ifndef FB_THREADS_H
#define FB_THREADS_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

// How many threads compute at once from now on, the calling one included, from whichever thread loops, BLAS and oneDNN
// are called; at first as many as there are cores.
void fb_set_threads(int32_t count);
int32_t fb_thread_count(void);

// Runs body(context, i) for i in 0..<count, items taken one by one by the calling thread and others. Nested calls, and
// those of a second thread at the same time, run on their own thread alone.
void fb_parallel_for(int64_t count, void (*body)(void *context, int64_t i), void *context);

// Lets BLAS and LAPACK on this thread use all threads, or only this one for little work or inside a loop's item.
void fb_adopt_blas_threads(int64_t multiplications);

#ifdef __cplusplus
}
#endif
#endif
