import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Sums of outer products of correlated normal numbers: covariances. SeeAlso: torch.distributions.Wishart
public struct Wishart: Distribution {
  /// Degrees of freedom: how many products.
  public let df: Tensor
  let factor: Tensor
  public let validatesArguments: Bool

  private init(_ df: some TensorOperand, factor: Tensor, validateArgs: Bool) {
    validatesArguments = validateArgs
    let df =
      switch df.operand {
      case .tensor(let tensor): tensor
      case .scalar(let scalar): Tensor.full([], scalar, dtype: factor.dtype, device: factor.device)
      }
    guard factor.rank >= 2, let batch = Shape.broadcast(df.shape, Shape(factor.shape.dropLast(2))) else {
      self.df = fail("Wishart", "df \(df.spec) and matrix \(factor.spec) do not fit", like: df.spec)
      self.factor = Tensor.ones([1, 1], dtype: factor.dtype)
      return
    }
    self.df = df.expand(batch)
    self.factor = factor.expand(batch.array + Array(factor.shape.suffix(2)))
    let size = factor.shape[factor.rank - 1]
    validate("Wishart", true, ("df", self.df, .greaterThan(size - 1)))
  }

  /// The covariance of the normal numbers.
  public init(_ df: some TensorOperand, covarianceMatrix: Tensor, validateArgs: Bool = true) {
    validate("Wishart", validateArgs, ("covarianceMatrix", covarianceMatrix, .positiveDefinite))
    self.init(df, factor: covarianceMatrix.cholesky(), validateArgs: validateArgs)
  }

  /// The inverse of the covariance of the normal numbers.
  public init(_ df: some TensorOperand, precisionMatrix: Tensor, validateArgs: Bool = true) {
    validate("Wishart", validateArgs, ("precisionMatrix", precisionMatrix, .positiveDefinite))
    self.init(df, factor: precisionMatrix.inverseFactor(), validateArgs: validateArgs)
  }

  /// The Cholesky factor of the covariance of the normal numbers.
  public init(_ df: some TensorOperand, scaleTril: Tensor, validateArgs: Bool = true) {
    validate("Wishart", validateArgs, ("scaleTril", scaleTril, .lowerCholesky))
    self.init(df, factor: scaleTril, validateArgs: validateArgs)
  }

  private var size: Int { factor.shape[factor.rank - 1] }
  private var dfMatrix: Tensor { df.unsqueeze(-1).unsqueeze(-1) }
  public var batchShape: Shape { df.shape }
  public var eventShape: Shape { [size, size] }
  public var support: Constraint { .positiveDefinite }
  /// The Cholesky factor of the covariance of the normal numbers.
  public var scaleTril: Tensor { factor }
  /// The covariance of the normal numbers.
  public var covarianceMatrix: Tensor { factor.matmul(factor.transpose(-2, -1)) }
  /// Its inverse.
  public var precisionMatrix: Tensor { factor.choleskyInverse() }
  public var mean: Tensor { dfMatrix * covarianceMatrix }

  public var mode: Tensor {
    let weight = dfMatrix - Double(size + 1)
    return select(where: weight .<= 0, Double.nan, weight) * covarianceMatrix
  }

  public var variance: Tensor {
    let v = covarianceMatrix
    let diagonal = v.diagonal(dim1: -2, dim2: -1)
    return dfMatrix * (v.square() + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))
  }

  public func expand(_ batchShape: [Int]) -> Wishart {
    Wishart(df.expand(batchShape), factor: factor.expand(batchShape + [size, size]), validateArgs: false)
  }

  /// Bartlett's decomposition: a triangle of normal numbers with χ numbers on the diagonal.
  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    let shape = extended(sampleShape)
    let steps = Tensor.arange(size, dtype: factor.dtype, device: factor.device)
    let chi2 = Chi2(df.unsqueeze(-1) - steps, validateArgs: false)
    let diagonal = chi2.rsample(sampleShape, generator: generator).sqrt().clamp(min: factor.dtype.epsilon)
    let noise = factor.newRandn(shape, generator).tril(-1) + diagonal.diagEmbed()
    let root = factor.matmul(noise)
    return root.matmul(root.transpose(-2, -1))
  }

  private var arguments: Tensor {
    let steps = Tensor.arange(size, dtype: factor.dtype, device: factor.device) / 2
    return (df / 2).unsqueeze(-1) - steps
  }

  /// The logarithm of the multivariate gamma function of df / 2.
  private var logGamma: Tensor {
    let p = Double(size)
    return arguments.lgamma().sum(dim: -1) + p * (p - 1) / 4 * Constants.logPi
  }

  private var logScale: Tensor { Double(size) * Constants.log2 / 2 + factor.logDiagonal() }

  public func logProb(_ value: Tensor) -> Tensor {
    let value = validated(value)
    let trace = value.choleskySolve(factor).diagonal(dim1: -2, dim2: -1).sum(dim: -1)
    let t1 = -df * logScale - logGamma
    return t1 + (df - Double(size + 1)) / 2 * value.slogdet().logabsdet - trace / 2
  }

  public func entropy() -> Tensor {
    let p = Double(size)
    let t1 = (p + 1) * logScale + logGamma
    return t1 - (df - (p + 1)) / 2 * arguments.digamma().sum(dim: -1) + df * p / 2
  }
}
