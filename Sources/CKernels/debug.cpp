#include "fb_debug.h"

#include <dlfcn.h>
#include <cstdint>
#include <execinfo.h>
#include <stdlib.h>
#include <string>

// Of the Swift runtime; null where it is not linked.
extern "C" char *swift_demangle(const char *, size_t, char *, size_t *, uint32_t) __attribute__((weak));

void fb_backtrace(int limit, void *context, void (*visit)(void *, const char *)) {
  void *frames[64];
  int count = backtrace(frames, limit < 64 ? limit : 64);
  for (int i = 1; i < count; i++) {
    Dl_info info;
    if (!dladdr(frames[i], &info) || !info.dli_sname) continue;
    std::string name = info.dli_sname;
    if (swift_demangle) {
      char *readable = swift_demangle(name.c_str(), name.size(), nullptr, nullptr, 0);
      if (readable) {
        name = readable;
        free(readable);
      }
    }
    visit(context, name.c_str());
  }
}
