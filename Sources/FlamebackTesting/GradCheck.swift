import Flameback
import FlamebackCore
import FlamebackKernels

/// A gradient that differs from the finite difference.
public struct GradCheckError: Error, CustomStringConvertible {
  public let description: String
}

/// Compares the gradients of `function` with central differences, for random cotangents of its outputs.
///
/// Inputs of dtype float64 and complex128 are checked; others are passed on. Throws at the first difference.
/// SeeAlso: torch.autograd.gradcheck
public func gradcheck(
  _ function: ([Tensor]) -> [Tensor], _ inputs: [Tensor], eps: Double = 1e-6, atol: Double = 1e-5, rtol: Double = 1e-3,
  seed: UInt64 = 0
) throws {
  let tracked = inputs.indices.filter { [.float64, .complex128].contains(inputs[$0].dtype) }
  let leaves = inputs.enumerated().map { tracked.contains($0) ? $1.detached().requiringGrad() : $1.detached() }
  let outputs = try withErrors { function(leaves) }
  let used = outputs.indices.filter { outputs[$0].dtype.isDifferentiable }
  var random = CotangentGenerator(state: seed)
  let cotangents = used.map { random.tensor(like: outputs[$0]) }
  let differentiable = used.indices.filter { outputs[used[$0]].requiresGrad }
  let gradients = try withErrors {
    grad(
      of: differentiable.map { outputs[used[$0]] }, wrt: tracked.map { leaves[$0] },
      gradOutputs: differentiable.map { cotangents[$0] }, allowUnused: true)
  }
  let weights = try cotangents.map(HostArray.init)

  /// Re(sum(conj(cotangent) * output)) with input `i` replaced.
  func loss(_ i: Int, _ changed: HostArray) throws -> Double {
    var arguments = inputs.map { $0.detached() }
    arguments[i] = changed.tensor(like: inputs[i])
    let results = try withErrors { noGrad { function(arguments) } }
    var sum = 0.0
    for (k, weight) in zip(used, weights) {
      let result = try HostArray(results[k])
      for j in 0..<result.count {
        sum += weight.real[j] * result.real[j]
        if result.isComplex { sum += weight.imaginary[j] * result.imaginary[j] }
      }
    }
    return sum
  }

  for (k, i) in tracked.enumerated() {
    let start = try HostArray(inputs[i])
    let found = try gradients[k].map(HostArray.init)
    for j in 0..<start.count {
      for part in start.isComplex ? [false, true] : [false] {
        func shifted(_ step: Double) -> HostArray {
          var changed = start
          if part { changed.imaginary[j] += step } else { changed.real[j] += step }
          return changed
        }
        let expected = (try loss(i, shifted(eps)) - loss(i, shifted(-eps))) / (2 * eps)
        let value = found.map { part ? $0.imaginary[j] : $0.real[j] } ?? 0
        guard abs(value - expected) <= atol + rtol * abs(expected) else {
          throw GradCheckError(
            description: "gradient of input \(i) at \(j)\(part ? " (imaginary part)" : "") is \(value), the difference "
              + "quotient \(expected)")
        }
      }
    }
  }
}

/// Compares second-order gradients with central differences. SeeAlso: torch.autograd.gradgradcheck
public func gradgradcheck(
  _ function: ([Tensor]) -> [Tensor], _ inputs: [Tensor], eps: Double = 1e-6, atol: Double = 1e-5, rtol: Double = 1e-3,
  seed: UInt64 = 1
) throws {
  let tracked = inputs.indices.filter { [.float64, .complex128].contains(inputs[$0].dtype) }
  let outputs = try withErrors {
    function(inputs.enumerated().map { tracked.contains($0) ? $1.detached().requiringGrad() : $1 })
  }
  let used = outputs.indices.filter { outputs[$0].dtype.isDifferentiable && outputs[$0].requiresGrad }
  var random = CotangentGenerator(state: seed)
  let cotangents = used.map { random.tensor(like: outputs[$0]) }

  // The first gradients as a function of inputs and cotangents.
  func first(_ arguments: [Tensor]) -> [Tensor] {
    enableGrad {
      let leaves = arguments[..<inputs.count].enumerated().map { i, x in
        tracked.contains(i) && !x.requiresGrad ? x.requiringGrad() : x
      }
      let outputs = function(leaves)
      return grad(
        of: used.map { outputs[$0] }, wrt: tracked.map { leaves[$0] }, gradOutputs: Array(arguments[inputs.count...]),
        createGraph: true, allowUnused: true, materializeGrads: true
      ).compactMap { $0 }
    }
  }
  try gradcheck(first, inputs + cotangents, eps: eps, atol: atol, rtol: rtol, seed: seed &+ 1)
}

/// SplitMix64: cotangents that do not touch the library's own generator.
struct CotangentGenerator {
  var state: UInt64

  mutating func next() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Double((z ^ (z >> 31)) >> 11) / Double(1 << 52) - 1
  }

  mutating func tensor(like other: Tensor) -> Tensor {
    let count = other.elementCount
    if other.dtype.isComplex {
      let values = (0..<count).map { _ in Complex(next(), next()) }
      return Tensor(values, shape: other.shape, dtype: other.dtype, device: other.device)
    }
    return Tensor((0..<count).map { _ in next() }, shape: other.shape, dtype: other.dtype, device: other.device)
  }
}
