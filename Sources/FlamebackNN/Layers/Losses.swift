import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// A loss of a prediction and a target.
public protocol BinaryLoss: Module {
  func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor
}

/// The mean squared difference. SeeAlso: torch.nn.MSELoss
public final class MSELoss: Module, BinaryLoss {
  public let reduction: LossReduction

  public init(reduction: LossReduction = .mean) {
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) { [$0[0].mseLoss($0[1], reduction: reduction)] }[0]
  }
}

/// The mean absolute difference. SeeAlso: torch.nn.L1Loss
public final class L1Loss: Module, BinaryLoss {
  public let reduction: LossReduction

  public init(reduction: LossReduction = .mean) {
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) { [$0[0].l1Loss($0[1], reduction: reduction)] }[0]
  }
}

/// Squared for small differences, absolute for large ones. SeeAlso: torch.nn.SmoothL1Loss
public final class SmoothL1Loss: Module, BinaryLoss {
  public let beta: Double
  public let reduction: LossReduction

  public init(beta: Double = 1, reduction: LossReduction = .mean) {
    self.beta = beta
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) { [$0[0].smoothL1Loss($0[1], reduction: reduction, beta: beta)] }[0]
  }
}

/// Huber's loss: squared up to delta, linear beyond. SeeAlso: torch.nn.HuberLoss
public final class HuberLoss: Module, BinaryLoss {
  public let delta: Double
  public let reduction: LossReduction

  public init(delta: Double = 1, reduction: LossReduction = .mean) {
    self.delta = delta
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) { [$0[0].huberLoss($0[1], reduction: reduction, delta: delta)] }[0]
  }
}

/// The divergence of a target distribution from a predicted one, given as logarithms. SeeAlso: torch.nn.KLDivLoss
public final class KLDivLoss: Module, BinaryLoss {
  public let logTarget: Bool
  public let reduction: LossReduction

  public init(logTarget: Bool = false, reduction: LossReduction = .mean) {
    self.logTarget = logTarget
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) { [$0[0].klDiv($0[1], reduction: reduction, logTarget: logTarget)] }[0]
  }
}

/// The negative log likelihood of counts. SeeAlso: torch.nn.PoissonNLLLoss
public final class PoissonNLLLoss: Module, BinaryLoss {
  public let logInput: Bool
  public let full: Bool
  public let eps: Double
  public let reduction: LossReduction

  public init(logInput: Bool = true, full: Bool = false, eps: Double = 1e-8, reduction: LossReduction = .mean) {
    self.logInput = logInput
    self.full = full
    self.eps = eps
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) {
      [$0[0].poissonNLLLoss($0[1], logInput: logInput, full: full, eps: eps, reduction: reduction)]
    }[0]
  }
}

/// Small distances for target 1, large ones for -1. SeeAlso: torch.nn.HingeEmbeddingLoss
public final class HingeEmbeddingLoss: Module, BinaryLoss {
  public let margin: Double
  public let reduction: LossReduction

  public init(margin: Double = 1, reduction: LossReduction = .mean) {
    self.margin = margin
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) { [$0[0].hingeEmbeddingLoss($0[1], margin: margin, reduction: reduction)] }[0]
  }
}

/// log(1 + exp(-target · input)). SeeAlso: torch.nn.SoftMarginLoss
public final class SoftMarginLoss: Module, BinaryLoss {
  public let reduction: LossReduction

  public init(reduction: LossReduction = .mean) {
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) { [$0[0].softMarginLoss($0[1], reduction: reduction)] }[0]
  }
}

/// The margin between classes that apply and those that do not. SeeAlso: torch.nn.MultiLabelMarginLoss
public final class MultiLabelMarginLoss: Module, BinaryLoss {
  public let reduction: LossReduction

  public init(reduction: LossReduction = .mean) {
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) { [$0[0].multilabelMarginLoss($0[1], reduction: reduction)] }[0]
  }
}
