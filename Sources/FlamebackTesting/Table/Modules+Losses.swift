import Flameback
import FlamebackCore

extension ModuleTable {
  static let losses: [String: Entry] = [
    "nn.MSELoss": { c in pair(MSELoss(reduction: try c.lossReduction())) },
    "nn.L1Loss": { c in pair(L1Loss(reduction: try c.lossReduction())) },
    "nn.SmoothL1Loss": { c in
      pair(SmoothL1Loss(beta: try c.double(3, "beta", default: 1), reduction: try c.lossReduction()))
    },
    "nn.HuberLoss": { c in
      pair(HuberLoss(delta: try c.double(1, "delta", default: 1), reduction: try c.lossReduction(0)))
    },
    "nn.KLDivLoss": { c in
      pair(KLDivLoss(logTarget: try c.bool(3, "log_target"), reduction: try c.lossReduction()))
    },
    "nn.PoissonNLLLoss": { c in
      pair(
        PoissonNLLLoss(
          logInput: try c.bool(0, "log_input", default: true), full: try c.bool(1, "full"),
          eps: try c.double(3, "eps", default: 1e-8), reduction: try c.lossReduction(5)))
    },
    "nn.HingeEmbeddingLoss": { c in
      pair(HingeEmbeddingLoss(margin: try c.double(0, "margin", default: 1), reduction: try c.lossReduction(3)))
    },
    "nn.SoftMarginLoss": { c in pair(SoftMarginLoss(reduction: try c.lossReduction())) },
    "nn.MultiLabelMarginLoss": { c in pair(MultiLabelMarginLoss(reduction: try c.lossReduction())) },
    "nn.NLLLoss": { c in
      pair(
        NLLLoss(
          weight: try c.optionalTensor(0, "weight"), ignoreIndex: try c.int(2, "ignore_index", default: -100),
          reduction: try c.lossReduction(4)))
    },
    "nn.CrossEntropyLoss": { c in
      pair(
        CrossEntropyLoss(
          weight: try c.optionalTensor(0, "weight"), ignoreIndex: try c.int(2, "ignore_index", default: -100),
          labelSmoothing: try c.double(5, "label_smoothing", default: 0), reduction: try c.lossReduction(4)))
    },
    "nn.BCELoss": { c in
      pair(BCELoss(weight: try c.optionalTensor(0, "weight"), reduction: try c.lossReduction(3)))
    },
    "nn.BCEWithLogitsLoss": { c in
      pair(
        BCEWithLogitsLoss(
          weight: try c.optionalTensor(0, "weight"), posWeight: try c.optionalTensor(4, "pos_weight"),
          reduction: try c.lossReduction(3)))
    },
    "nn.MultiLabelSoftMarginLoss": { c in
      pair(MultiLabelSoftMarginLoss(weight: try c.optionalTensor(0, "weight"), reduction: try c.lossReduction(3)))
    },
    "nn.MultiMarginLoss": { c in
      pair(
        MultiMarginLoss(
          p: try c.int(0, "p", default: 1), margin: try c.double(1, "margin", default: 1),
          weight: try c.optionalTensor(2, "weight"), reduction: try c.lossReduction(5)))
    },
    "nn.CTCLoss": { c in
      let loss = CTCLoss(
        blank: try c.int(0, "blank", default: 0), reduction: try c.lossReduction(1),
        zeroInfinity: try c.bool(2, "zero_infinity"))
      return BuiltModule(loss) { call in
        .tensor(
          loss(
            try call.tensor(0, "log_probs"), try call.tensor(1, "targets"),
            inputLengths: try call.integers(2, "input_lengths"), targetLengths: try call.integers(3, "target_lengths")))
      }
    },
    "nn.LinearCrossEntropyLoss": { c in
      c.ignore("options")
      return pair(
        LinearCrossEntropyLoss(
          try c.int(0, "in_features"), try c.int(1, "num_classes"),
          outFeatures: try c.ints(nil, "out_features", default: []),
          bias: try c.bool(nil, "bias"), reduction: try c.lossReduction(nil),
          weight: try c.optionalTensor(nil, "weight"),
          ignoreIndex: try c.optionalInt(nil, "ignore_index"),
          labelSmoothing: try c.double(nil, "label_smoothing", default: 0)))
    },
    "nn.CosineEmbeddingLoss": { c in
      let loss = CosineEmbeddingLoss(margin: try c.double(0, "margin", default: 0), reduction: try c.lossReduction(3))
      return BuiltModule(loss) { call in
        .tensor(loss(try call.tensor(0, "input1"), try call.tensor(1, "input2"), try call.tensor(2, "target")))
      }
    },
    "nn.MarginRankingLoss": { c in
      let loss = MarginRankingLoss(margin: try c.double(0, "margin", default: 0), reduction: try c.lossReduction(3))
      return BuiltModule(loss) { call in
        .tensor(loss(try call.tensor(0, "input1"), try call.tensor(1, "input2"), try call.tensor(2, "target")))
      }
    },
    "nn.TripletMarginLoss": { c in
      let loss = TripletMarginLoss(
        margin: try c.double(0, "margin", default: 1), p: try c.double(1, "p", default: 2),
        eps: try c.double(2, "eps", default: 1e-6), swap: try c.bool(3, "swap"), reduction: try c.lossReduction(6))
      return BuiltModule(loss) { call in
        .tensor(loss(try call.tensor(0, "anchor"), try call.tensor(1, "positive"), try call.tensor(2, "negative")))
      }
    },
    "nn.TripletMarginWithDistanceLoss": { c in
      let distance = try c.distance("distance_function")
      let loss = TripletMarginWithDistanceLoss(
        distance: distance, margin: try c.double(nil, "margin", default: 1), swap: try c.bool(nil, "swap"),
        reduction: try c.lossReduction(nil))
      return BuiltModule(loss) { call in
        .tensor(loss(try call.tensor(0, "anchor"), try call.tensor(1, "positive"), try call.tensor(2, "negative")))
      }
    },
    "nn.GaussianNLLLoss": { c in
      let loss = GaussianNLLLoss(
        full: try c.bool(nil, "full"), eps: try c.double(nil, "eps", default: 1e-6), reduction: try c.lossReduction(nil)
      )
      return BuiltModule(loss) { call in
        .tensor(loss(try call.tensor(0, "input"), try call.tensor(1, "target"), try call.tensor(2, "var")))
      }
    },
  ]

  private static func pair(_ loss: some BinaryLoss) -> BuiltModule {
    BuiltModule(loss) { call in .tensor(loss(try call.tensor(0, "input"), try call.tensor(1, "target"))) }
  }
}

extension Call {
  /// Whole numbers, as a list or a tensor.
  fileprivate func integers(_ position: Int, _ name: String) throws -> [Int] {
    isTensor(position, name) ? try tensor(position, name).scalars(Int.self) : try ints(position, name)
  }

  /// A distance given as a module or a function; the Euclidean one by default.
  fileprivate func distance(_ name: String) throws -> (Tensor, Tensor) -> Tensor {
    var compute: (([Value]) throws -> Value)?
    if case .object? = peek(nil, name) {
      let module = try self.module(nil, name)
      compute = { try module.forward(Call(name, $0)) }
    } else {
      compute = try function(nil, name)
    }
    guard let compute else { return { $0.pairwiseDistance($1) } }
    return { a, b in
      guard let result = try? compute([.tensor(a), .tensor(b)]).tensor else { return fail(name, "the distance failed") }
      return result
    }
  }

  /// `reduction`; the old `size_average` and `reduce` stand before it and may be None.
  fileprivate func lossReduction(_ position: Int? = 2) throws -> LossReduction {
    ignore("size_average", "reduce")
    let name = try string(position, "reduction", default: "mean")
    if name == "batchmean", let reduction = LossReduction(rawValue: "batchMean") { return reduction }
    guard let reduction = LossReduction(rawValue: name) else { throw CallError("unknown reduction '\(name)'") }
    return reduction
  }
}
