// Memory that kernels ask for, and what happens where there is none.
#ifndef FB_MEMORY_H
#define FB_MEMORY_H
#include <stdbool.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

// A kernel that finds no working memory stops, leaves its outputs unspecified, and notes it for the thread that called
// it. This takes the note: the bytes asked for, -1 if nobody knows, 0 if nothing failed since the last call.
int64_t fb_take_failure(void);
// Notes such a failure.
void fb_note_failure(int64_t bytes);

// For tests: runs body(context) with the n-th allocation (n >= 1) of this thread, and of those that work for it, failing.
// Whether it came to that.
bool fb_starve(int64_t n, void (*body)(void *), void *context);
// Whether an allocation may go on; counts it for fb_starve.
bool fb_may_allocate(void);

// Gives the working memory that kernels keep between calls back to the system.
void fb_release_scratch(void);
// Gives the pages that the C library keeps back to the system.
void fb_trim_heap(void);
// The most bytes that resource limits let the process have (RLIMIT_AS, RLIMIT_DATA); INT64_MAX without any.
int64_t fb_memory_limit(void);

#ifdef __cplusplus
}
#endif
#endif
