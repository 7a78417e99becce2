import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Tensors and numbers as tensors of one shape; numbers take the dtype of the first tensor.
func broadcastAll(_ values: any TensorOperand...) -> [Tensor] {
  let operands = values.map(\.operand)
  var like: Tensor?
  for case .tensor(let tensor) in operands where like == nil { like = tensor }
  let tensors = operands.map { operand in
    switch operand {
    case .tensor(let tensor): tensor
    case .scalar(let scalar):
      Tensor.full([], scalar, dtype: like?.dtype ?? Context.defaultDType, device: like?.device)
    }
  }
  return Tensor.broadcastTensors(tensors)
}

/// Reports the parameters that do not obey their constraints.
func validate(_ distribution: String, _ isWanted: Bool, _ parameters: (String, Tensor, Constraint)...) {
  guard isWanted else { return }
  for (name, tensor, constraint) in parameters
  where !noGrad({ constraint.check(tensor.detached()).all().item().bool }) {
    report(
      OpError(
        distribution, "parameter \(name) \(tensor.spec) must be \(constraint.name), found \(tensor.detached())"))
  }
}

extension DType {
  /// The smallest positive number with a full significand; 0 for integers.
  var tiny: Double { floatLimits?.tiny ?? 0 }
}

extension Tensor {
  /// Away from 0 and 1 by one rounding step.
  func clampedProbabilities() -> Tensor { clamp(min: dtype.epsilon, max: 1 - dtype.epsilon) }

  /// A uniform draw in [0, 1) of this tensor's dtype and device.
  func newRand(_ shape: [Int], _ generator: Generator?) -> Tensor {
    .rand(shape, dtype: dtype, device: device, generator: generator)
  }

  /// A standard normal draw of this tensor's dtype and device.
  func newRandn(_ shape: [Int], _ generator: Generator?) -> Tensor {
    .randn(shape, dtype: dtype, device: device, generator: generator)
  }
}

/// Probabilities given as such or as logits; the other form follows.
struct Chances: Sendable {
  let given: Tensor
  let isLogits: Bool
  /// One probability each, rather than a vector that sums to 1.
  let isBinary: Bool

  static func probs(_ probs: some TensorOperand) -> Chances {
    Chances(given: broadcastAll(probs)[0], isLogits: false, isBinary: true)
  }

  static func logits(_ logits: some TensorOperand) -> Chances {
    Chances(given: broadcastAll(logits)[0], isLogits: true, isBinary: true)
  }

  var probs: Tensor { !isLogits ? given : isBinary ? given.sigmoid() : given.softmax(dim: -1) }

  var logits: Tensor {
    if isLogits { return given }
    let clamped = given.clampedProbabilities()
    return isBinary ? clamped.log() - (-clamped).log1p() : clamped.log()
  }

  func expand(_ shape: [Int]) -> Chances {
    Chances(given: given.expand(shape), isLogits: isLogits, isBinary: isBinary)
  }

  func validate(_ distribution: String, _ isWanted: Bool) {
    let constraint: Constraint =
      isLogits ? (isBinary ? .real : .realVector) : isBinary ? .unitInterval : .simplex
    FlamebackDistributions.validate(distribution, isWanted, (isLogits ? "logits" : "probs", given, constraint))
  }
}

/// Numbers that densities are made of.
enum Constants {
  static let log2 = 0.693_147_180_559_945_3
  static let logPi = 1.144_729_885_849_400_2
  static let log2Pi = 1.837_877_066_409_345_3
  /// The Euler–Mascheroni constant.
  static let euler = 0.577_215_664_901_532_9
}
