import FlamebackCore
import FlamebackKernels

/// What becomes of the losses of single elements or samples.
public enum LossReduction: String, Sendable {
  /// They are returned as they are.
  case none
  case mean
  case sum
  /// The sum divided by the first dimension; for `klDiv`.
  case batchMean = "batchmean"
}

extension Tensor {
  /// The losses joined as `reduction` says.
  func reduced(_ reduction: LossReduction, _ op: String) -> Tensor {
    switch reduction {
    case .none: return self
    case .mean: return mean()
    case .sum: return sum()
    case .batchMean: return fail(op, "batchMean is for klDiv", like: spec)
    }
  }

  /// Broadcasting a loss's operands is legal but rarely meant.
  func warnIfBroadcast(_ target: Tensor, _ op: String) {
    if shape != target.shape {
      Warnings.warn(op, "the target \(target.spec) is broadcast against \(spec): make sure that this is meant")
    }
  }
}
