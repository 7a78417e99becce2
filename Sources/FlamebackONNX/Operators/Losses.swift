import Flameback
import FlamebackCore

extension Operator {
  static let losses: [String: Operator] = [
    "NegativeLogLikelihoodLoss": .one { call in try loss(call, call(0)) },
    "SoftmaxCrossEntropyLoss": Operator { call in
      let scores = try call(0)
      try call.require(scores.rank >= 2, "needs [batch, classes, ...], got \(scores.spec)")
      let logarithms = scores.logSoftmax(dim: 1)
      return [try loss(call, logarithms), logarithms]
    },
  ]

  private static func loss(_ call: Call, _ logarithms: Tensor) throws -> Tensor {
    guard let reduction = LossReduction(rawValue: try call.text("reduction", "mean")) else {
      throw call.error("reduction '\(try call.text("reduction", ""))' does not exist")
    }
    let target = try call(1).to(.int64)
    let ignored = try call.int("ignore_index")
    // Without an ignored class any target outside is an error, so the stand-in must be outside as well.
    return logarithms.nllLoss(
      target, weight: call.optional(2), ignoreIndex: ignored ?? Int.min, reduction: reduction)
  }
}
