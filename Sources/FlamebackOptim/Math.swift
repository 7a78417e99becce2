#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

// The C library's functions under their plain names, so that the rules read like formulas without Foundation.

func pow(_ x: Double, _ y: Double) -> Double {
  #if canImport(Glibc)
    Glibc.pow(x, y)
  #else
    Darwin.pow(x, y)
  #endif
}

func cos(_ x: Double) -> Double {
  #if canImport(Glibc)
    Glibc.cos(x)
  #else
    Darwin.cos(x)
  #endif
}

func log(_ x: Double) -> Double {
  #if canImport(Glibc)
    Glibc.log(x)
  #else
    Darwin.log(x)
  #endif
}
