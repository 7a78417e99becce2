#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// x to the power y.
func pow(_ x: Double, _ y: Double) -> Double {
  #if canImport(Glibc)
    Glibc.pow(x, y)
  #else
    Darwin.pow(x, y)
  #endif
}
