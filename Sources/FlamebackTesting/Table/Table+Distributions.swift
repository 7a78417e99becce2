import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  typealias DistributionEntry = @Sendable (Call) throws -> any Distribution

  /// Constructors, and for each class its methods and properties.
  static let distributions: [String: Entry] = {
    var table: [String: Entry] = [
      "distributions.kl_divergence": { call in
        .tensor(klDivergence(try call.distribution(0, "p"), try call.distribution(1, "q")))
      }
    ]
    for (name, construct) in distributionClasses {
      table["distributions.\(name)"] = { .any(try construct($0)) }
      for (method, body) in distributionMethods { table["distributions.\(name).\(method)"] = body }
    }
    return table
  }()

  private static func property(_ body: @escaping @Sendable (any Distribution) -> Value) -> Entry {
    { call in body(try call.distribution(0, "self")) }
  }

  private static func ofValue(_ body: @escaping @Sendable (any Distribution, Tensor) -> Tensor) -> Entry {
    { call in .tensor(body(try call.distribution(0, "self"), try call.tensor(1, "value"))) }
  }

  private static func drawing(
    _ body: @escaping @Sendable (any Distribution, [Int], FlamebackCore.Generator?) -> Tensor
  ) -> Entry {
    { call in
      .tensor(
        body(
          try call.distribution(0, "self"), try call.ints(1, "sample_shape", default: []), try call.generator()))
    }
  }

  private static let distributionMethods: [String: Entry] = [
    "batch_shape": property { .ints($0.batchShape) },
    "event_shape": property { .ints($0.eventShape) },
    "mean": property { .tensor($0.mean) },
    "mode": property { .tensor($0.mode) },
    "variance": property { .tensor($0.variance) },
    "stddev": property { .tensor($0.stddev) },
    "entropy": property { .tensor($0.entropy()) },
    "perplexity": property { .tensor($0.perplexity()) },
    "log_prob": ofValue { $0.logProb($1) },
    "cdf": ofValue { $0.cdf($1) },
    "icdf": ofValue { $0.icdf($1) },
    "sample": drawing { $0.sample($1, generator: $2) },
    "rsample": drawing { $0.rsample($1, generator: $2) },
    "enumerate_support": { call in
      .tensor(
        try call.distribution(0, "self").enumerateSupport(expand: try call.bool(1, "expand", default: true)))
    },
    "expand": { call in .any(try call.distribution(0, "self").expand(try call.ints(1, "batch_shape"))) },
  ]

  private static let distributionClasses: [String: DistributionEntry] = [
    "Bernoulli": chances({ Bernoulli(probs: $0) }, { Bernoulli(logits: $0) }),
    "Categorical": chances({ Categorical(probs: $0.tensor) }, { Categorical(logits: $0.tensor) }),
    "Cauchy": two("loc", "scale") { Cauchy($0, $1) },
    "Exponential": one("rate") { Exponential($0) },
    "Gamma": two("concentration", "rate") { Gamma($0, $1) },
    "Gumbel": two("loc", "scale") { Gumbel($0, $1) },
    "HalfCauchy": one("scale") { HalfCauchy($0) },
    "HalfNormal": one("scale") { HalfNormal($0) },
    "Laplace": two("loc", "scale") { Laplace($0, $1) },
    "LogNormal": two("loc", "scale") { LogNormal($0, $1) },
    "Normal": two("loc", "scale") { Normal($0, $1) },
    "Poisson": one("rate") { Poisson($0) },
    "Uniform": two("low", "high") { Uniform($0, $1) },
  ]

  private static func one(
    _ name: String, _ body: @escaping @Sendable (Operand) -> any Distribution
  ) -> DistributionEntry {
    { call in body(try call.operand(0, name)) }
  }

  private static func two(
    _ first: String, _ second: String, _ body: @escaping @Sendable (Operand, Operand) -> any Distribution
  ) -> DistributionEntry {
    { call in body(try call.operand(0, first), try call.operand(1, second)) }
  }

  /// A class whose parameter may be given as probabilities or as logits.
  private static func chances(
    _ probs: @escaping @Sendable (Operand) -> any Distribution,
    _ logits: @escaping @Sendable (Operand) -> any Distribution
  ) -> DistributionEntry {
    { call in
      if let given = try call.optionalOperand(0, "probs") { return probs(given) }
      return logits(try call.operand(1, "logits"))
    }
  }
}

extension Call {
  /// A distribution: an object already made, or its constructor's call.
  func distribution(_ position: Int?, _ name: String) throws -> any Distribution {
    try object(position, name, as: (any Distribution).self)
  }
}

extension Operand {
  /// The tensor; a number as a 0-d tensor.
  fileprivate var tensor: Tensor {
    switch self {
    case .tensor(let tensor): tensor
    case .scalar(let scalar): Tensor.full([], scalar)
    }
  }
}
