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
    "Beta": two("concentration1", "concentration0") { Beta($0, $1) },
    "Binomial": counted({ Binomial($0, probs: $1) }, { Binomial($0, logits: $1) }),
    "Categorical": chances({ Categorical(probs: $0.tensor) }, { Categorical(logits: $0.tensor) }),
    "Cauchy": two("loc", "scale") { Cauchy($0, $1) },
    "Chi2": one("df") { Chi2($0) },
    "ContinuousBernoulli": chances({ ContinuousBernoulli(probs: $0) }, { ContinuousBernoulli(logits: $0) }),
    "Dirichlet": { call in Dirichlet(try call.tensor(0, "concentration")) },
    "Exponential": one("rate") { Exponential($0) },
    "FisherSnedecor": two("df1", "df2") { FisherSnedecor($0, $1) },
    "Gamma": two("concentration", "rate") { Gamma($0, $1) },
    "GeneralizedPareto": { call in
      GeneralizedPareto(
        try call.operand(0, "loc"), try call.operand(1, "scale"), try call.operand(2, "concentration"))
    },
    "Geometric": chances({ Geometric(probs: $0) }, { Geometric(logits: $0) }),
    "Gumbel": two("loc", "scale") { Gumbel($0, $1) },
    "HalfCauchy": one("scale") { HalfCauchy($0) },
    "HalfNormal": one("scale") { HalfNormal($0) },
    "InverseGamma": two("concentration", "rate") { InverseGamma($0, $1) },
    "Kumaraswamy": two("concentration1", "concentration0") { Kumaraswamy($0, $1) },
    "Laplace": two("loc", "scale") { Laplace($0, $1) },
    "LogNormal": two("loc", "scale") { LogNormal($0, $1) },
    "LogisticNormal": two("loc", "scale") { LogisticNormal($0, $1) },
    "LowRankMultivariateNormal": { call in
      LowRankMultivariateNormal(
        try call.tensor(0, "loc"), try call.tensor(1, "cov_factor"), try call.tensor(2, "cov_diag"))
    },
    "Multinomial": { call in
      let count = try call.int(0, "total_count", default: 1)
      if let probs = try call.optionalTensor(1, "probs") { return Multinomial(count, probs: probs) }
      return Multinomial(count, logits: try call.tensor(2, "logits"))
    },
    "MultivariateNormal": { call in
      let loc = try call.tensor(0, "loc")
      if let matrix = try call.optionalTensor(1, "covariance_matrix") {
        return MultivariateNormal(loc, covarianceMatrix: matrix)
      }
      if let matrix = try call.optionalTensor(2, "precision_matrix") {
        return MultivariateNormal(loc, precisionMatrix: matrix)
      }
      return MultivariateNormal(loc, scaleTril: try call.tensor(3, "scale_tril"))
    },
    "NegativeBinomial": counted({ NegativeBinomial($0, probs: $1) }, { NegativeBinomial($0, logits: $1) }),
    "Normal": two("loc", "scale") { Normal($0, $1) },
    "OneHotCategorical": chances(
      { OneHotCategorical(probs: $0.tensor) }, { OneHotCategorical(logits: $0.tensor) }),
    "Pareto": two("scale", "alpha") { Pareto($0, $1) },
    "Poisson": one("rate") { Poisson($0) },
    "RelaxedBernoulli": counted({ RelaxedBernoulli($0, probs: $1) }, { RelaxedBernoulli($0, logits: $1) }),
    "RelaxedOneHotCategorical": counted(
      { RelaxedOneHotCategorical($0, probs: $1.tensor) }, { RelaxedOneHotCategorical($0, logits: $1.tensor) }),
    "StudentT": { call in
      StudentT(
        try call.operand(0, "df"), try call.optionalOperand(1, "loc") ?? 0.0.operand,
        try call.optionalOperand(2, "scale") ?? 1.0.operand)
    },
    "Uniform": two("low", "high") { Uniform($0, $1) },
    "VonMises": two("loc", "concentration") { VonMises($0, $1) },
    "Weibull": two("scale", "concentration") { Weibull($0, $1) },
    "Wishart": { call in
      let df = try call.operand(0, "df")
      if let matrix = try call.optionalTensor(1, "covariance_matrix") {
        return Wishart(df, covarianceMatrix: matrix)
      }
      if let matrix = try call.optionalTensor(2, "precision_matrix") {
        return Wishart(df, precisionMatrix: matrix)
      }
      return Wishart(df, scaleTril: try call.tensor(3, "scale_tril"))
    },
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

  /// The same behind a number of trials or a temperature.
  private static func counted(
    _ probs: @escaping @Sendable (Operand, Operand) -> any Distribution,
    _ logits: @escaping @Sendable (Operand, Operand) -> any Distribution
  ) -> DistributionEntry {
    { call in
      let first =
        try call.optionalOperand(0, "total_count") ?? call.optionalOperand(nil, "temperature") ?? 1.operand
      if let given = try call.optionalOperand(1, "probs") { return probs(first, given) }
      return logits(first, try call.operand(2, "logits"))
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
