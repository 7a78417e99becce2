import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Vectors alike for target 1, unlike for -1. SeeAlso: torch.nn.CosineEmbeddingLoss
public final class CosineEmbeddingLoss: Module {
  public let margin: Double
  public let reduction: LossReduction

  public init(margin: Double = 0, reduction: LossReduction = .mean) {
    self.margin = margin
    self.reduction = reduction
  }

  public func callAsFunction(_ x1: Tensor, _ x2: Tensor, _ target: Tensor) -> Tensor {
    call([x1, x2, target]) { [$0[0].cosineEmbeddingLoss($0[1], $0[2], margin: margin, reduction: reduction)] }[0]
  }
}

/// The first larger for target 1, the second for -1. SeeAlso: torch.nn.MarginRankingLoss
public final class MarginRankingLoss: Module {
  public let margin: Double
  public let reduction: LossReduction

  public init(margin: Double = 0, reduction: LossReduction = .mean) {
    self.margin = margin
    self.reduction = reduction
  }

  public func callAsFunction(_ x1: Tensor, _ x2: Tensor, _ target: Tensor) -> Tensor {
    call([x1, x2, target]) { [$0[0].marginRankingLoss($0[1], $0[2], margin: margin, reduction: reduction)] }[0]
  }
}

/// The anchor nearer to the positive example than to the negative one. SeeAlso: torch.nn.TripletMarginLoss
public final class TripletMarginLoss: Module {
  public let margin: Double
  public let p: Double
  public let eps: Double
  public let swap: Bool
  public let reduction: LossReduction

  public init(
    margin: Double = 1, p: Double = 2, eps: Double = 1e-6, swap: Bool = false, reduction: LossReduction = .mean
  ) {
    self.margin = margin
    self.p = p
    self.eps = eps
    self.swap = swap
    self.reduction = reduction
    super.init()
    if margin <= 0 { report(OpError("TripletMarginLoss", "expected a margin greater than 0, got \(margin)")) }
  }

  public func callAsFunction(_ anchor: Tensor, _ positive: Tensor, _ negative: Tensor) -> Tensor {
    call([anchor, positive, negative]) {
      [$0[0].tripletMarginLoss($0[1], $0[2], margin: margin, p: p, eps: eps, swap: swap, reduction: reduction)]
    }[0]
  }
}

/// The same with a distance of one's own. SeeAlso: torch.nn.TripletMarginWithDistanceLoss
public final class TripletMarginWithDistanceLoss: Module {
  public let distance: (Tensor, Tensor) -> Tensor
  public let margin: Double
  public let swap: Bool
  public let reduction: LossReduction

  public init(
    distance: @escaping (Tensor, Tensor) -> Tensor = { $0.pairwiseDistance($1) }, margin: Double = 1,
    swap: Bool = false, reduction: LossReduction = .mean
  ) {
    self.distance = distance
    self.margin = margin
    self.swap = swap
    self.reduction = reduction
    super.init()
    if margin <= 0 { report(OpError("TripletMarginWithDistanceLoss", "expected a margin above 0, got \(margin)")) }
  }

  public func callAsFunction(_ anchor: Tensor, _ positive: Tensor, _ negative: Tensor) -> Tensor {
    call([anchor, positive, negative]) {
      [
        $0[0].tripletMarginWithDistanceLoss(
          $0[1], $0[2], margin: margin, swap: swap, reduction: reduction, distance: distance)
      ]
    }[0]
  }
}

/// The negative log likelihood of a normal distribution. SeeAlso: torch.nn.GaussianNLLLoss
public final class GaussianNLLLoss: Module {
  public let full: Bool
  public let eps: Double
  public let reduction: LossReduction

  public init(full: Bool = false, eps: Double = 1e-6, reduction: LossReduction = .mean) {
    self.full = full
    self.eps = eps
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor, _ variance: Tensor) -> Tensor {
    call([input, target, variance]) {
      [$0[0].gaussianNLLLoss($0[1], variance: $0[2], full: full, eps: eps, reduction: reduction)]
    }[0]
  }
}
