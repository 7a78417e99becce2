import FlamebackKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The calls that lead here, innermost first, for anomaly mode.
func captureCallSite() -> [String] {
  var frames: [UnsafeMutableRawPointer?] = Array(repeating: nil, count: 32)
  let count = backtrace(&frames, 32)
  guard let symbols = backtrace_symbols(&frames, count) else { return [] }
  defer { free(symbols) }
  return (2..<max(2, Int(count))).compactMap { symbols[$0].map { String(cString: $0) } }
}

/// In anomaly mode: a gradient that is not a number names the forward operation it came through.
func checkForNaN(_ gradients: [Tensor?], _ name: String, _ callSite: [String]) throws(OpError) {
  for (i, gradient) in gradients.enumerated() {
    guard let gradient, gradient.dtype.isFloatingPoint else { continue }
    if noGrad({ gradient.scalars(Double.self).contains(where: \.isNaN) }) {
      throw OpError(
        "backward",
        "'\(name)' returned NaN as gradient \(i); it was called at:\n  \(callSite.joined(separator: "\n  "))")
    }
  }
}
