// Memory that is not there: C++ below throws, and the function that Swift called notes it for the calling thread.
#ifndef FBD_FAILURE_HPP
#define FBD_FAILURE_HPP
#include <cstddef>
#include <new>

namespace fbd {

// An allocation of so many bytes that failed.
struct NoMemory : std::bad_alloc {
  explicit NoMemory(size_t bytes) : bytes(bytes) {}
  const char *what() const noexcept override { return "no memory for a kernel"; }
  size_t bytes;
};

// Notes the exception that is being handled; fb_take_failure tells of it.
void noteFailure() noexcept;

// Whether an allocation may go on: tests let the n-th one of a thread fail (fb_starve).
bool mayAllocate() noexcept;

// What tests count for the calling thread, so that others which work for it count along.
struct Starvation;
Starvation *&starvation() noexcept;

}  // namespace fbd

// The end of a function whose body is a try block; `...` is what it returns after a failure.
#define FBD_NOTES_FAILURE(...)  \
  catch (...) {                 \
    fbd::noteFailure();         \
    return __VA_ARGS__;         \
  }
#endif
