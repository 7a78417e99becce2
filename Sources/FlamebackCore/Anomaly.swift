import CKernels
import FlamebackKernels

/// The calls that lead here, innermost first, for anomaly mode.
func captureCallSite() -> [String] {
  var frames: [String] = []
  withUnsafeMutablePointer(to: &frames) { frames in
    fb_backtrace(32, frames) { context, symbol in
      context!.assumingMemoryBound(to: [String].self).pointee.append(String(cString: symbol!))
    }
  }
  return Array(frames.dropFirst(2))
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
