import Flameback
import FlamebackCore
import FlamebackKernels

extension OpRecord {
  /// First and second gradients against difference quotients, in float64 and complex128; operations without a gradient
  /// must say so.
  public func checkGradients() throws {
    if order == .unchecked { return }
    if order == .none { return try checkRefusal() }
    var checked = 0
    for dtype in [DType.float64, .complex128] where dtypes.contains(dtype) {
      try eachSample({ $0.count <= 64 && $0.count > 0 }) { sample in
        let inputs = sample.tensors(dtype, imaginary: true)
        let count = inputs.reduce(0) { $0 + ($1.dtype == dtype ? $1.elementCount : 0) }
        guard count > 0 else { return }
        checked += 1
        try at("\(dtype)") { try gradcheck(sample.run, inputs) }
        if order == .twice && count <= 40 {
          try at("\(dtype), second order") { try gradgradcheck(sample.run, inputs) }
        }
      }
    }
    guard checked > 0 else { throw OpCheckError(description: "\(name): no sample is small enough for its gradient") }
  }

  private func checkRefusal() throws {
    for dtype in [DType.float32, .complex64] where dtypes.contains(dtype) {
      try eachSample { sample in
        let inputs = sample.tensors(dtype).map { $0.dtype.isDifferentiable ? $0.requiringGrad() : $0 }
        let outputs = try withErrors { sample.run(inputs) }
        guard let output = outputs.first(where: \.requiresGrad) else { return }
        let error = errorMessage { output.sum().backward() }
        guard let error, error.contains("] has no gradient: ") else {
          throw OpCheckError(description: "backward should have been refused, but: \(error ?? "it was not")")
        }
      }
    }
  }

  /// The sentence of the error that `body` reports.
  func errorMessage(_ body: () -> Void) -> String? {
    do {
      try withErrors(body)
      return nil
    } catch { return "\(error)" }
  }

  /// Wrong calls end with the sentences of the record; unusual dtypes with a result or a sentence, never a trap.
  public func checkErrors() throws {
    for failure in failures {
      let found = errorMessage { _ = failure.run() }
      guard let found, found.hasPrefix(failure.sentence) else {
        throw OpCheckError(
          description: "\(name): expected the error \"\(failure.sentence)\", got \"\(found ?? "none")\"")
      }
    }
    for dtype in DType.allCases where !dtypes.contains(dtype) {
      try eachSample { sample in
        let found = errorMessage { _ = results(sample, sample.tensors(dtype), gradients: true) }
        if let found, !found.hasPrefix("[") { throw OpCheckError(description: "\(dtype) fails with \"\(found)\"") }
        guard refusesOthers, sample.inputs.contains(where: { $0.dtype == nil }) else { return }
        guard let found, covers.contains(where: { found.hasPrefix("[\($0)] not defined for") }) else {
          throw OpCheckError(description: "\(dtype) should be refused, but: \(found ?? "it was not")")
        }
      }
    }
  }
}
