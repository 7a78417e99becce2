import Flameback
import FlamebackCore
import FlamebackKernels

extension OpRecord {
  /// Throws an `OpCheckError` that says where `body` failed.
  func at<R>(_ place: @autoclosure () -> String, _ body: () throws -> R) throws -> R {
    do { return try body() } catch { throw OpCheckError(description: "\(name), \(place()): \(error)") }
  }

  func margin(_ dtype: DType) -> (relative: Double, absolute: Double) {
    let (relative, absolute) =
      switch dtype {
      case .float16: (2e-3, 2e-3)
      case .bfloat16: (1.6e-2, 1e-2)
      case .float8E4M3FN: (7e-2, 2e-3)
      case .float8E5M2: (1.4e-1, 2e-5)
      case .complex32: (2e-3, 2e-3)
      case .float32, .complex64: (1e-5, 2e-6)
      case .float64, .complex128: (1e-10, 1e-10)
      case .bool, .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32, .uint64: (0.0, 0.0)
      }
    return (relative * tolerance, absolute * tolerance)
  }

  /// Compares shapes, dtypes and elements; without `exactly` within the margin of the result's dtype.
  func compare(_ found: Tensor, _ expected: Tensor, exactly: Bool) throws {
    guard found.shape == expected.shape, found.dtype == expected.dtype else {
      throw OpCheckError(description: "\(found.spec) instead of \(expected.spec)")
    }
    try compare(found, HostArray(expected), exactly: exactly)
  }

  func compare(_ found: Tensor, _ wanted: HostArray, exactly: Bool) throws {
    let (relative, absolute) = exactly ? (0, 0) : margin(found.dtype)
    let values = try HostArray(found)
    for i in 0..<values.count where !values.matches(i, wanted, i, rtol: relative, atol: absolute) {
      throw OpCheckError(
        description: "\(found.spec) has \(values.text(i)) at element \(i) instead of \(wanted.text(i))")
    }
  }

  func compare(_ found: [Tensor], _ expected: [Tensor], exactly: Bool) throws {
    guard found.count == expected.count else {
      throw OpCheckError(description: "\(found.count) results instead of \(expected.count)")
    }
    for (i, (a, b)) in zip(found, expected).enumerated() {
      do { try compare(a, b, exactly: exactly) } catch {
        throw OpCheckError(description: "result \(i): \(error)")
      }
    }
  }

  /// Outputs, then the gradients of all inputs that have one, for fixed cotangents.
  func results(_ sample: OpSample, _ inputs: [Tensor], gradients: Bool) -> [Tensor] {
    let isTracked = inputs.map { gradients && order.rawValue >= Order.once.rawValue && $0.dtype.isDifferentiable }
    let leaves = zip(inputs, isTracked).map { $1 ? $0.detached().requiringGrad() : $0 }
    let outputs = sample.run(leaves)
    let used = outputs.filter { $0.requiresGrad }
    if used.isEmpty { return outputs }
    var random = CotangentGenerator(state: 99)
    let cotangents = used.map { output in
      random.tensor(like: output.withoutValues).to(output.device)
    }
    let tracked = leaves.indices.filter { isTracked[$0] }
    let found = grad(
      of: used, wrt: tracked.map { leaves[$0] }, gradOutputs: cotangents, allowUnused: true, materializeGrads: true)
    return outputs.map { $0.detached() } + found.compactMap { $0 }
  }

  /// The dtype for checks that need only one: the most precise.
  var mainDType: DType {
    [.float64, .float32, .complex128, .int64].first(where: dtypes.contains) ?? dtypes[0]
  }

  /// Samples with an index, so that failures can name them.
  func eachSample(_ isWanted: (OpSample) -> Bool = \.isSmall, _ body: (OpSample) throws -> Void) throws {
    for (i, sample) in samples.enumerated() where isWanted(sample) {
      try at("sample \(i) \(sample.inputs.map(\.shape))") { try body(sample) }
    }
  }
}

extension Tensor {
  /// A host tensor of this spec.
  fileprivate var withoutValues: Tensor { Tensor.zeros(shape, dtype: dtype) }
}
