import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Cholesky factors of correlation matrices; the density of the matrix is proportional to its determinant to the power
/// of `concentration` − 1 (Lewandowski, Kurowicka and Joe 2009). SeeAlso: torch.distributions.LKJCholesky
public struct LKJCholesky: Distribution {
  public let dim: Int
  public let concentration: Tensor
  public let validatesArguments: Bool

  public init(_ dim: Int, _ concentration: some TensorOperand = 1.0, validateArgs: Bool = true) {
    self.dim = max(dim, 2)
    self.concentration = broadcastAll(concentration)[0]
    validatesArguments = validateArgs
    if dim < 2 { report(OpError("LKJCholesky", "expected dim to be at least 2, got \(dim)")) }
    validate("LKJCholesky", validateArgs, ("concentration", self.concentration, .positive))
  }

  public var batchShape: Shape { concentration.shape }
  public var eventShape: Shape { [dim, dim] }
  public var support: Constraint { .lowerCholesky }

  public func expand(_ batchShape: [Int]) -> LKJCholesky {
    LKJCholesky(dim, concentration.expand(batchShape), validateArgs: false)
  }

  /// Row by row: a direction on the sphere and a beta distributed length (the onion method).
  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad {
      let dtype = concentration.dtype
      let offset = Tensor.arange(dim - 1, dtype: dtype).constantPad([1, 0])
      let marginal = concentration + 0.5 * Double(dim - 2)
      let beta = Beta(offset + 0.5, marginal.unsqueeze(-1) - offset * 0.5, validateArgs: false)
      let length = beta.sample(sampleShape, generator: generator).unsqueeze(-1)
      let normal = concentration.newRandn(extended(sampleShape), generator).tril(-1)
      let norm = normal.vectorNorm(dim: [-1], keepDim: true)
      let direction = select(where: norm .== 0, 0.0, normal / norm)
      let below = length.sqrt() * direction
      let diagonal = (1 - below.square().sum(dim: -1)).clamp(min: dtype.tiny).sqrt()
      return below + diagonal.diagEmbed()
    }
  }

  public func logProb(_ value: Tensor) -> Tensor {
    let value = validated(value)
    let diagonal = value.diagonal(dim1: -2, dim2: -1).slice(dim: -1, start: 1)
    let order = Tensor.arange(2, dim + 1, dtype: concentration.dtype)
    let powers = (concentration - 1).unsqueeze(-1) * 2 + Double(dim) - order
    let steps = Double(dim - 1)
    let alpha = concentration + 0.5 * steps
    let normalizer = (alpha - 0.5).mvlgamma(dim - 1) - alpha.lgamma() * steps + 0.5 * steps * Constants.logPi
    return (powers * diagonal.log()).sum(dim: -1) - normalizer
  }
}
