import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The cosine of the angle between vectors. SeeAlso: torch.nn.CosineSimilarity
public final class CosineSimilarity: Module {
  public let dim: Int
  public let eps: Double

  public init(dim: Int = 1, eps: Double = 1e-8) {
    self.dim = dim
    self.eps = eps
  }

  public func callAsFunction(_ x1: Tensor, _ x2: Tensor) -> Tensor {
    call([x1, x2]) { [$0[0].cosineSimilarity($0[1], dim: dim, eps: eps)] }[0]
  }
}

/// The p-norm of the difference of vectors. SeeAlso: torch.nn.PairwiseDistance
public final class PairwiseDistance: Module {
  public let p: Double
  public let eps: Double
  public let keepDim: Bool

  public init(p: Double = 2, eps: Double = 1e-6, keepDim: Bool = false) {
    self.p = p
    self.eps = eps
    self.keepDim = keepDim
  }

  public func callAsFunction(_ x1: Tensor, _ x2: Tensor) -> Tensor {
    call([x1, x2]) { [$0[0].pairwiseDistance($0[1], p: p, eps: eps, keepDim: keepDim)] }[0]
  }
}
