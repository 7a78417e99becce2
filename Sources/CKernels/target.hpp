// What this CPU can do beyond its instruction set.
#ifndef FBD_TARGET_HPP
#define FBD_TARGET_HPP

namespace fbd {

// Whether vectors of 512 bits are worth twice as much as shorter ones: Intel's are; AMD's were not before Zen 5, which
// nobody measured here and counts as not.
bool hasFullRate512();

}  // namespace fbd
#endif
