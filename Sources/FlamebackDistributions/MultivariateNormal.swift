import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Correlated normal numbers. SeeAlso: torch.distributions.MultivariateNormal
public struct MultivariateNormal: Distribution {
  /// The means `[…, n]`.
  public let loc: Tensor
  /// A lower triangular matrix whose product with its transpose is the covariance, perhaps without the batch dimensions.
  let factor: Tensor
  public let batchShape: Shape
  public let validatesArguments: Bool

  private init(_ loc: Tensor, factor: Tensor, validateArgs: Bool) {
    let isShaped =
      loc.rank >= 1 && factor.rank >= 2 && factor.shape.suffix(2).allSatisfy { $0 == loc.shape[loc.rank - 1] }
    let batch = isShaped ? Shape.broadcast(Shape(loc.shape.dropLast()), Shape(factor.shape.dropLast(2))) : nil
    if let batch {
      self.loc = loc.expand(batch.array + [loc.shape[loc.rank - 1]])
      self.factor = factor
    } else {
      self.loc = fail("MultivariateNormal", "loc \(loc.spec) and matrix \(factor.spec) do not fit").reshape([1])
      self.factor = self.loc.reshape([1, 1])
    }
    (batchShape, validatesArguments) = (batch ?? [], validateArgs)
    validate("MultivariateNormal", validateArgs, ("loc", self.loc, .realVector))
  }

  /// The covariance `[…, n, n]` must be symmetric and positive definite.
  public init(_ loc: Tensor, covarianceMatrix: Tensor, validateArgs: Bool = true) {
    validate("MultivariateNormal", validateArgs, ("covarianceMatrix", covarianceMatrix, .positiveDefinite))
    self.init(loc, factor: covarianceMatrix.cholesky(), validateArgs: validateArgs)
  }

  /// The precision is the inverse of the covariance.
  public init(_ loc: Tensor, precisionMatrix: Tensor, validateArgs: Bool = true) {
    validate("MultivariateNormal", validateArgs, ("precisionMatrix", precisionMatrix, .positiveDefinite))
    self.init(loc, factor: precisionMatrix.inverseFactor(), validateArgs: validateArgs)
  }

  /// The Cholesky factor of the covariance.
  public init(_ loc: Tensor, scaleTril: Tensor, validateArgs: Bool = true) {
    validate("MultivariateNormal", validateArgs, ("scaleTril", scaleTril, .lowerCholesky))
    self.init(loc, factor: scaleTril, validateArgs: validateArgs)
  }

  private var count: Int { loc.shape[loc.rank - 1] }
  public var eventShape: Shape { [count] }
  public var support: Constraint { .realVector }
  /// The Cholesky factor of the covariance.
  public var scaleTril: Tensor { factor.expand(batchShape.array + [count, count]) }
  /// The covariance.
  public var covarianceMatrix: Tensor {
    factor.matmul(factor.transpose(-2, -1)).expand(batchShape.array + [count, count])
  }
  /// The inverse of the covariance.
  public var precisionMatrix: Tensor { factor.choleskyInverse().expand(batchShape.array + [count, count]) }
  public var mean: Tensor { loc }
  public var mode: Tensor { loc }
  public var variance: Tensor { factor.square().sum(dim: -1).expand(batchShape.array + [count]) }

  public func expand(_ batchShape: [Int]) -> MultivariateNormal {
    MultivariateNormal(
      loc.expand(batchShape + [count]), factor: factor.expand(batchShape + [count, count]), validateArgs: false)
  }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    loc + factor.timesVector(loc.newRandn(extended(sampleShape), generator))
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let distance = factor.mahalanobis(validated(value) - loc)
    return -0.5 * (Double(count) * Constants.log2Pi + distance) - factor.logDiagonal()
  }

  public func entropy() -> Tensor {
    (0.5 * Double(count) * (1 + Constants.log2Pi) + factor.logDiagonal()).expand(batchShape)
  }

  public func divergence(to other: any Distribution) -> Tensor? {
    guard let q = other as? MultivariateNormal, q.eventShape == eventShape else { return nil }
    let trace = q.factor.solveTriangular(factor, upper: false).square().sum(dim: [-2, -1])
    let distance = q.factor.mahalanobis(q.loc - loc)
    return q.factor.logDiagonal() - factor.logDiagonal() + 0.5 * (trace + distance - count)
  }
}

extension Constraint {
  /// Symmetric matrices with positive eigenvalues.
  public static let positiveDefinite = Constraint("symmetric and positive definite", eventDim: 2) { x in
    guard x.rank >= 2, x.shape[x.rank - 1] == x.shape[x.rank - 2] else { return Tensor.full([], false) }
    let isSymmetric = x.isClose(x.transpose(-2, -1), atol: 1e-6).all(dim: [-2, -1])
    return isSymmetric & (x.choleskyEx().info .== 0)
  }
}

extension Tensor {
  /// A matrix times a vector, in batches.
  func timesVector(_ vector: Tensor) -> Tensor { matmul(vector.unsqueeze(-1)).squeeze(-1) }

  /// The squared length of L⁻¹ x.
  func mahalanobis(_ x: Tensor) -> Tensor {
    solveTriangular(x.unsqueeze(-1), upper: false).square().sum(dim: [-2, -1])
  }

  /// The sum of the logarithms of the diagonal.
  func logDiagonal() -> Tensor { diagonal(dim1: -2, dim2: -1).log().sum(dim: -1) }

  /// The Cholesky factor of the inverse.
  func inverseFactor() -> Tensor {
    let flipped = flip(-2, -1).cholesky()
    let upper = flipped.flip(-2, -1).transpose(-2, -1)
    let n = shape[rank - 1]
    return upper.solveTriangular(Tensor.eye(n, dtype: dtype, device: device).expand(shape), upper: false)
  }
}
