import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let losses: [String: Entry] = [
    "nn.functional.mse_loss": loss { call, x, target, reduction in
      x.mseLoss(target, weight: try call.optionalTensor(5, "weight"), reduction: reduction)
    },
    "nn.functional.l1_loss": loss { call, x, target, reduction in
      x.l1Loss(target, weight: try call.optionalTensor(5, "weight"), reduction: reduction)
    },
    "nn.functional.smooth_l1_loss": loss { call, x, target, reduction in
      x.smoothL1Loss(target, reduction: reduction, beta: try call.double(5, "beta", default: 1))
    },
    "nn.functional.huber_loss": { call in
      .tensor(
        try call.tensor(0, "input").huberLoss(
          try call.tensor(1, "target"), reduction: try call.reduction(2),
          delta: try call.double(3, "delta", default: 1), weight: try call.optionalTensor(4, "weight")))
    },
    "nn.functional.poisson_nll_loss": { call in
      .tensor(
        try call.tensor(0, "input").poissonNLLLoss(
          try call.tensor(1, "target"), logInput: try call.bool(2, "log_input", default: true),
          full: try call.bool(3, "full"), eps: try call.double(5, "eps", default: 1e-8),
          reduction: try call.reduction(7)))
    },
    "nn.functional.gaussian_nll_loss": { call in
      .tensor(
        try call.tensor(0, "input").gaussianNLLLoss(
          try call.tensor(1, "target"), variance: try call.operand(2, "var"), full: try call.bool(3, "full"),
          eps: try call.double(4, "eps", default: 1e-6), reduction: try call.reduction(5)))
    },
    "nn.functional.binary_cross_entropy": { call in
      .tensor(
        try call.tensor(0, "input").binaryCrossEntropy(
          try call.tensor(1, "target"), weight: try call.optionalTensor(2, "weight"),
          reduction: try call.reduction(5)))
    },
    "nn.functional.binary_cross_entropy_with_logits": { call in
      .tensor(
        try call.tensor(0, "input").binaryCrossEntropyWithLogits(
          try call.tensor(1, "target"), weight: try call.optionalTensor(2, "weight"),
          reduction: try call.reduction(5), posWeight: try call.optionalTensor(6, "pos_weight")))
    },
    "nn.functional.kl_div": loss { call, x, target, reduction in
      x.klDiv(target, reduction: reduction, logTarget: try call.bool(5, "log_target"))
    },
    "nn.functional.hinge_embedding_loss": { call in
      .tensor(
        try call.tensor(0, "input").hingeEmbeddingLoss(
          try call.tensor(1, "target"), margin: try call.double(2, "margin", default: 1),
          reduction: try call.reduction(5)))
    },
    "nn.functional.margin_ranking_loss": { call in
      .tensor(
        try call.tensor(0, "input1").marginRankingLoss(
          try call.tensor(1, "input2"), try call.tensor(2, "target"), margin: try call.double(3, "margin", default: 0),
          reduction: try call.reduction(6)))
    },
    "nn.functional.soft_margin_loss": loss { _, x, target, reduction in x.softMarginLoss(target, reduction: reduction)
    },
    "nn.functional.multilabel_soft_margin_loss": { call in
      .tensor(
        try call.tensor(0, "input").multilabelSoftMarginLoss(
          try call.tensor(1, "target"), weight: try call.optionalTensor(2, "weight"),
          reduction: try call.reduction(5)))
    },
    "nn.functional.multilabel_margin_loss": loss { _, x, target, reduction in
      x.multilabelMarginLoss(target, reduction: reduction)
    },
    "nn.functional.multi_margin_loss": { call in
      .tensor(
        try call.tensor(0, "input").multiMarginLoss(
          try call.tensor(1, "target"), p: try call.int(2, "p", default: 1),
          margin: try call.double(3, "margin", default: 1), weight: try call.optionalTensor(4, "weight"),
          reduction: try call.reduction(7)))
    },
    "nn.functional.cosine_embedding_loss": { call in
      .tensor(
        try call.tensor(0, "input1").cosineEmbeddingLoss(
          try call.tensor(1, "input2"), try call.tensor(2, "target"), margin: try call.double(3, "margin", default: 0),
          reduction: try call.reduction(6)))
    },
    "nn.functional.triplet_margin_loss": { call in
      .tensor(
        try call.tensor(0, "anchor").tripletMarginLoss(
          try call.tensor(1, "positive"), try call.tensor(2, "negative"),
          margin: try call.double(3, "margin", default: 1), p: try call.double(4, "p", default: 2),
          eps: try call.double(5, "eps", default: 1e-6), swap: try call.bool(6, "swap"),
          reduction: try call.reduction(9)))
    },
    "nn.functional.triplet_margin_with_distance_loss": { call in
      let anchor = try call.tensor(0, "anchor")
      let positive = try call.tensor(1, "positive")
      let negative = try call.tensor(2, "negative")
      let distance = try call.function(nil, "distance_function")
      var failure: (any Error)?
      let result = anchor.tripletMarginWithDistanceLoss(
        positive, negative, margin: try call.double(nil, "margin", default: 1), swap: try call.bool(nil, "swap"),
        reduction: try call.reduction(nil)
      ) { a, b in
        guard let distance else { return a.pairwiseDistance(b) }
        do {
          return try distance([.tensor(a), .tensor(b)]).tensor ?? a
        } catch {
          failure = error
          return a
        }
      }
      if let failure { throw failure }
      return .tensor(result)
    },
    "nn.functional.nll_loss": { call in
      .tensor(
        try call.tensor(0, "input").nllLoss(
          try call.tensor(1, "target"), weight: try call.optionalTensor(2, "weight"),
          ignoreIndex: try call.int(4, "ignore_index", default: -100), reduction: try call.reduction(6)))
    },
    "nn.functional.ctc_loss": { call in
      .tensor(
        try call.tensor(0, "log_probs").ctcLoss(
          try call.tensor(1, "targets"), inputLengths: try call.lengths(2, "input_lengths"),
          targetLengths: try call.lengths(3, "target_lengths"), blank: try call.int(4, "blank", default: 0),
          reduction: try call.reduction(5), zeroInfinity: try call.bool(6, "zero_infinity")))
    },
    "nn.functional.linear_cross_entropy": { call in
      _ = try call.given(nil, "options")  // how PyTorch cuts the work into chunks
      return .tensor(
        try call.tensor(0, "input").linearCrossEntropy(
          try call.tensor(1, "linear_weight"), try call.tensor(2, "target"),
          bias: try call.optionalTensor(nil, "linear_bias"), classWeight: try call.optionalTensor(nil, "weight"),
          reduction: try call.reduction(nil), ignoreIndex: try call.optionalInt(nil, "ignore_index"),
          labelSmoothing: try call.double(nil, "label_smoothing", default: 0)))
    },
    "nn.functional.cross_entropy": { call in
      .tensor(
        try call.tensor(0, "input").crossEntropy(
          try call.tensor(1, "target"), weight: try call.optionalTensor(2, "weight"),
          ignoreIndex: try call.int(4, "ignore_index", default: -100), reduction: try call.reduction(6),
          labelSmoothing: try call.double(7, "label_smoothing", default: 0)))
    },
  ]

  /// input, target, size_average, reduce, reduction.
  private static func loss(
    _ body: @escaping @Sendable (Call, Tensor, Tensor, LossReduction) throws -> Tensor
  ) -> Entry {
    { call in
      .tensor(try body(call, try call.tensor(0, "input"), try call.tensor(1, "target"), try call.reduction(4)))
    }
  }
}

extension Call {
  /// A list of ints, or a tensor of them.
  func lengths(_ position: Int, _ name: String) throws -> [Int] {
    isTensor(position, name) ? try tensor(position, name).scalars(Int.self) : try ints(position, name)
  }

  /// `reduction`, and the flags `size_average` and `reduce` that it replaced.
  func reduction(_ position: Int?) throws -> LossReduction {
    let average = try optionalBool(nil, "size_average")
    let reduces = try optionalBool(nil, "reduce")
    if average != nil || reduces != nil {
      return reduces == false ? .none : average == false ? .sum : .mean
    }
    let name = try string(position, "reduction", default: "mean")
    guard let reduction = LossReduction(rawValue: name) else {
      throw CallError("\(self.name)(): \(name) is not a valid value for reduction")
    }
    return reduction
  }
}
