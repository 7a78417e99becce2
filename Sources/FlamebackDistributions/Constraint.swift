import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Which values a parameter or a draw may have. SeeAlso: torch.distributions.constraints
public struct Constraint: Sendable {
  /// What it asks, for messages.
  public let name: String
  /// How many trailing dimensions make up one value.
  public let eventDim: Int
  /// Whether the values can be counted.
  public let isDiscrete: Bool
  private let test: @Sendable (Tensor) -> Tensor

  /// A constraint of one's own; `test` tells for each value whether it is allowed.
  public init(
    _ name: String, eventDim: Int = 0, isDiscrete: Bool = false, _ test: @escaping @Sendable (Tensor) -> Tensor
  ) {
    self.name = name
    self.eventDim = eventDim
    self.isDiscrete = isDiscrete
    self.test = test
  }

  /// Whether each value is allowed. SeeAlso: torch.distributions.constraints.Constraint.check
  public func check(_ value: Tensor) -> Tensor { test(value) }

  /// Numbers, not NaN.
  public static let real = Constraint("real") { $0 .== $0 }
  /// Vectors of numbers.
  public static let realVector = real.independent(1)
  /// Above 0.
  public static let positive = greaterThan(0)
  /// 0 or above.
  public static let nonnegative = greaterThanOrEqual(0)
  /// In [0, 1].
  public static let unitInterval = interval(0, 1)
  /// 0 or 1.
  public static let boolean = Constraint("boolean", isDiscrete: true) { ($0 .== 0) | ($0 .== 1) }
  /// 0, 1, 2, …
  public static let nonnegativeInteger = Constraint("nonnegative integer", isDiscrete: true) {
    isWhole($0) & ($0 .>= 0)
  }
  /// Vectors of numbers in [0, 1] with sum 1.
  public static let simplex = Constraint("simplex", eventDim: 1) { x in
    (x .>= 0).all(dim: -1) & ((x.sum(dim: -1) - 1).abs() .< 1e-6)
  }
  /// Vectors with a single 1, else 0.
  public static let oneHot = Constraint("one hot", eventDim: 1, isDiscrete: true) { x in
    ((x .== 0) | (x .== 1)).all(dim: -1) & (x.sum(dim: -1) .== 1)
  }
  /// Lower triangular matrices with a positive diagonal.
  public static let lowerCholesky = Constraint("lower Cholesky factor", eventDim: 2) { x in
    (x.tril() .== x).flatten(startDim: -2).all(dim: -1) & (x.diagonal(dim1: -2, dim2: -1) .> 0).all(dim: -1)
  }

  /// Above `bound`.
  public static func greaterThan(_ bound: some TensorOperand) -> Constraint {
    let bound = bound.operand
    return Constraint("greater than \(text(bound))") { $0 .> bound }
  }

  /// `bound` or above.
  public static func greaterThanOrEqual(_ bound: some TensorOperand) -> Constraint {
    let bound = bound.operand
    return Constraint("greater than or equal to \(text(bound))") { $0 .>= bound }
  }

  /// Below `bound`.
  public static func lessThan(_ bound: some TensorOperand) -> Constraint {
    let bound = bound.operand
    return Constraint("less than \(text(bound))") { $0 .< bound }
  }

  /// In [low, high].
  public static func interval(_ low: some TensorOperand, _ high: some TensorOperand) -> Constraint {
    let (low, high) = (low.operand, high.operand)
    return Constraint("in [\(text(low)), \(text(high))]") { ($0 .>= low) & ($0 .<= high) }
  }

  /// In [low, high).
  public static func halfOpenInterval(_ low: some TensorOperand, _ high: some TensorOperand) -> Constraint {
    let (low, high) = (low.operand, high.operand)
    return Constraint("in [\(text(low)), \(text(high)))") { ($0 .>= low) & ($0 .< high) }
  }

  /// A whole number in [low, high].
  public static func integerInterval(_ low: some TensorOperand, _ high: some TensorOperand) -> Constraint {
    let (low, high) = (low.operand, high.operand)
    return Constraint("a whole number in [\(text(low)), \(text(high))]", isDiscrete: true) {
      isWhole($0) & ($0 .>= low) & ($0 .<= high)
    }
  }

  /// Vectors of counts with that sum.
  public static func multinomial(_ upperBound: Int) -> Constraint {
    Constraint("counts with sum \(upperBound)", eventDim: 1, isDiscrete: true) { x in
      (isWhole(x) & (x .>= 0)).all(dim: -1) & (x.sum(dim: -1) .<= upperBound)
    }
  }

  /// The same for each element of the last `count` dimensions. SeeAlso: torch.distributions.constraints.independent
  public func independent(_ count: Int) -> Constraint {
    Constraint("\(name), in each of \(count) dimensions", eventDim: eventDim + count, isDiscrete: isDiscrete) { x in
      let result = check(x)
      return count == 0 ? result : result.all(dim: Array((result.rank - count)..<result.rank))
    }
  }

  private static func isWhole(_ x: Tensor) -> Tensor { x.remainder(1) .== 0 }

  private static func text(_ operand: Operand) -> String {
    switch operand {
    case .scalar(let scalar): "\(scalar.double)"
    case .tensor(let tensor): "\(tensor.detached())"
    }
  }
}
