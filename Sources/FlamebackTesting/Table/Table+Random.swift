import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let random: [String: Entry] = created.merging(refilled) { first, _ in first }
    .merging(dropouts) { first, _ in first }

  private static let created: [String: Entry] = [
    "rand": { call in
      let o = try call.factoryOptions()
      return .tensor(
        .rand(
          try call.sizes(0, "size"), dtype: o.dtype, device: o.device, requiresGrad: o.requiresGrad,
          generator: try call.generator()))
    },
    "randn": { call in
      let o = try call.factoryOptions()
      return .tensor(
        .randn(
          try call.sizes(0, "size"), dtype: o.dtype, device: o.device, requiresGrad: o.requiresGrad,
          generator: try call.generator()))
    },
    "randint": { call in
      let o = try call.factoryOptions()
      let hasLow = call.isInt(1, "high") && call.isInt(0, "low")
      let low = hasLow ? try call.int(0, "low") : 0
      let high = try call.int(hasLow ? 1 : 0, "high")
      return .tensor(
        .randint(
          low, high, try call.ints(hasLow ? 2 : 1, "size"), dtype: o.dtype, device: o.device,
          generator: try call.generator()))
    },
    "randperm": { call in
      let o = try call.factoryOptions()
      return .tensor(
        .randperm(try call.int(0, "n"), dtype: o.dtype ?? .int64, device: o.device, generator: try call.generator()))
    },
    "rand_like": { call in
      let o = try call.factoryOptions()
      return .tensor(.randLike(try call.tensor(0, "input"), dtype: o.dtype, generator: try call.generator()))
    },
    "randn_like": { call in
      let o = try call.factoryOptions()
      return .tensor(.randnLike(try call.tensor(0, "input"), dtype: o.dtype, generator: try call.generator()))
    },
    "randint_like": { call in
      let o = try call.factoryOptions()
      let hasLow = call.has(2, "high") && call.has(1, "low")
      let low = hasLow ? try call.int(1, "low") : 0
      return .tensor(
        .randintLike(
          try call.tensor(0, "input"), low, try call.int(hasLow ? 2 : 1, "high"), dtype: o.dtype,
          generator: try call.generator()))
    },
    "normal": { call in
      let generator = try call.generator()
      switch (call.isTensor(0, "mean"), call.isTensor(1, "std")) {
      case (true, true):
        return .tensor(.normal(mean: try call.tensor(0, "mean"), std: try call.tensor(1, "std"), generator: generator))
      case (true, false):
        return .tensor(
          .normal(
            mean: try call.tensor(0, "mean"), std: try call.double(1, "std", default: 1), generator: generator))
      case (false, true):
        return .tensor(
          .normal(mean: try call.double(0, "mean", default: 0), std: try call.tensor(1, "std"), generator: generator))
      case (false, false):
        let o = try call.factoryOptions()
        return .tensor(
          .normal(
            mean: try call.double(0, "mean"), std: try call.double(1, "std"), try call.ints(2, "size"), dtype: o.dtype,
            device: o.device, generator: generator))
      }
    },
    "bernoulli": { call in
      let x = try call.tensor(0, "input")
      let generator = try call.generator()
      if call.has(1, "p") { return .tensor(x.bernoulli(try call.double(1, "p"), generator: generator)) }
      return .tensor(x.bernoulli(generator: generator))
    },
    "poisson": { call in .tensor(try call.tensor(0, "input").poisson(generator: try call.generator())) },
    "multinomial": { call in
      .tensor(
        try call.tensor(0, "input").multinomial(
          try call.int(1, "num_samples"), replacement: try call.bool(2, "replacement"),
          generator: try call.generator()))
    },
  ]

  private static let refilled: [String: Entry] = [
    "uniform": { call in
      .tensor(
        try call.tensor(0, "input").uniform(
          try call.double(1, "from", default: 0), try call.double(2, "to", default: 1),
          generator: try call.generator()))
    },
    "Tensor.normal_": { call in
      .tensor(
        try call.tensor(0, "input").normal(
          mean: try call.double(1, "mean", default: 0), std: try call.double(2, "std", default: 1),
          generator: try call.generator()))
    },
    "exponential": { call in
      .tensor(
        try call.tensor(0, "input").exponential(
          try call.double(1, "lambd", default: 1), generator: try call.generator()))
    },
    "cauchy": { call in
      .tensor(
        try call.tensor(0, "input").cauchy(
          median: try call.double(1, "median", default: 0), sigma: try call.double(2, "sigma", default: 1),
          generator: try call.generator()))
    },
    "log_normal": { call in
      .tensor(
        try call.tensor(0, "input").logNormal(
          mean: try call.double(1, "mean", default: 1), std: try call.double(2, "std", default: 2),
          generator: try call.generator()))
    },
    "geometric": { call in
      .tensor(try call.tensor(0, "input").geometric(try call.double(1, "p"), generator: try call.generator()))
    },
    "Tensor.bernoulli_": { call in
      let x = try call.tensor(0, "input")
      let generator = try call.generator()
      if call.isTensor(1, "p") { return .tensor(x.bernoulli(try call.tensor(1, "p"), generator: generator)) }
      return .tensor(x.bernoulli(try call.double(1, "p", default: 0.5), generator: generator))
    },
    "Tensor.random_": { call in
      let x = try call.tensor(0, "input")
      let generator = try call.generator()
      guard call.has(1, "from") || call.has(1, "to") else { return .tensor(x.random(generator: generator)) }
      guard call.has(2, "to") else { return .tensor(x.random(to: try call.int(1, "to"), generator: generator)) }
      return .tensor(x.random(try call.int(1, "from"), to: try call.optionalInt(2, "to"), generator: generator))
    },
  ]

  private static let dropouts: [String: Entry] = [
    "nn.functional.dropout": dropout { $0.dropout($1, training: $2) },
    "nn.functional.dropout1d": dropout { $0.dropout1d($1, training: $2) },
    "nn.functional.dropout2d": dropout { $0.dropout2d($1, training: $2) },
    "nn.functional.dropout3d": dropout { $0.dropout3d($1, training: $2) },
    "nn.functional.alpha_dropout": dropout(false) { $0.alphaDropout($1, training: $2) },
    "nn.functional.feature_alpha_dropout": dropout(false) { $0.featureAlphaDropout($1, training: $2) },
    "nn.functional.rrelu": { call in
      _ = try call.bool(4, "inplace")
      return .tensor(
        try call.tensor(0, "input").rrelu(
          lower: try call.double(1, "lower", default: 1.0 / 8), upper: try call.double(2, "upper", default: 1.0 / 3),
          training: try call.bool(3, "training"), generator: try call.generator()))
    },
    "nn.functional.gumbel_softmax": { call in
      _ = try call.optionalDouble(3, "eps")
      return .tensor(
        try call.tensor(0, "logits").gumbelSoftmax(
          tau: try call.double(1, "tau", default: 1), hard: try call.bool(2, "hard"),
          dim: try call.int(4, "dim", default: -1), generator: try call.generator()))
    },
  ]

  private static func dropout(
    _ training: Bool = true, _ body: @escaping @Sendable (Tensor, Double, Bool) -> Tensor
  ) -> Entry {
    { call in
      _ = try call.bool(3, "inplace")
      return .tensor(
        body(
          try call.tensor(0, "input"), try call.double(1, "p", default: 0.5),
          try call.bool(2, "training", default: training)))
    }
  }
}
