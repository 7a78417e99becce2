// The names of the calling functions.
#ifndef FB_DEBUG_H
#define FB_DEBUG_H
#ifdef __cplusplus
extern "C" {
#endif
// Calls `visit` for at most `limit` frames, innermost first, with demangled names where the toolchain can.
void fb_backtrace(int limit, void *context, void (*visit)(void *context, const char *symbol));
#ifdef __cplusplus
}
#endif
#endif
