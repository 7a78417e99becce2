#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

// C's functions under names that methods of tensors do not hide.

func exponential(_ x: Double) -> Double { exp(x) }
func logarithm(_ x: Double) -> Double { log(x) }
func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }
