import FlamebackKernels

/// Reports working memory that a kernel of `op` did not get.
func checkKernelMemory(_ op: String) throws(OpError) {
  guard let bytes = KernelMemory.takeFailure() else { return }
  let amount = bytes < 0 ? "the working memory" : "\(bytes) bytes of working memory"
  throw OpError(op, "out of memory: cannot allocate \(amount) on cpu")
}

extension Primitive {
  /// Runs the host's kernel; working memory that it did not get is an error like any other.
  package func compute(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
    do { try runOnHost(inputs, into: outputs) } catch {
      try checkKernelMemory(name)  // what a kernel says about results that it could not compute is no news
      throw error
    }
    try checkKernelMemory(name)
  }
}
