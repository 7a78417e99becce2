import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The negative log likelihood of a class. SeeAlso: torch.nn.NLLLoss
public final class NLLLoss: Module, BinaryLoss {
  @Buffer public var weight: Tensor?
  public let ignoreIndex: Int
  public let reduction: LossReduction

  public init(weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: LossReduction = .mean) {
    self.weight = weight
    self.ignoreIndex = ignoreIndex
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) { [$0[0].nllLoss($0[1], weight: weight, ignoreIndex: ignoreIndex, reduction: reduction)] }[0]
  }
}

/// The cross entropy of a class (or of class probabilities) from logits. SeeAlso: torch.nn.CrossEntropyLoss
public final class CrossEntropyLoss: Module, BinaryLoss {
  @Buffer public var weight: Tensor?
  public let ignoreIndex: Int
  public let labelSmoothing: Double
  public let reduction: LossReduction

  public init(
    weight: Tensor? = nil, ignoreIndex: Int = -100, labelSmoothing: Double = 0, reduction: LossReduction = .mean
  ) {
    self.weight = weight
    self.ignoreIndex = ignoreIndex
    self.labelSmoothing = labelSmoothing
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) {
      [
        $0[0].crossEntropy(
          $0[1], weight: weight, ignoreIndex: ignoreIndex, reduction: reduction, labelSmoothing: labelSmoothing)
      ]
    }[0]
  }
}

/// The cross entropy of yes or no from probabilities. SeeAlso: torch.nn.BCELoss
public final class BCELoss: Module, BinaryLoss {
  @Buffer public var weight: Tensor?
  public let reduction: LossReduction

  public init(weight: Tensor? = nil, reduction: LossReduction = .mean) {
    self.weight = weight
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) { [$0[0].binaryCrossEntropy($0[1], weight: weight, reduction: reduction)] }[0]
  }
}

/// The cross entropy of yes or no from logits. SeeAlso: torch.nn.BCEWithLogitsLoss
public final class BCEWithLogitsLoss: Module, BinaryLoss {
  @Buffer public var weight: Tensor?
  @Buffer public var posWeight: Tensor?
  public let reduction: LossReduction

  public init(weight: Tensor? = nil, posWeight: Tensor? = nil, reduction: LossReduction = .mean) {
    self.weight = weight
    self.posWeight = posWeight
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) {
      [$0[0].binaryCrossEntropyWithLogits($0[1], weight: weight, reduction: reduction, posWeight: posWeight)]
    }[0]
  }
}

/// The mean over classes of yes or no from logits. SeeAlso: torch.nn.MultiLabelSoftMarginLoss
public final class MultiLabelSoftMarginLoss: Module, BinaryLoss {
  @Buffer public var weight: Tensor?
  public let reduction: LossReduction

  public init(weight: Tensor? = nil, reduction: LossReduction = .mean) {
    self.weight = weight
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) { [$0[0].multilabelSoftMarginLoss($0[1], weight: weight, reduction: reduction)] }[0]
  }
}

/// The margin between the right class and the others. SeeAlso: torch.nn.MultiMarginLoss
public final class MultiMarginLoss: Module, BinaryLoss {
  @Buffer public var weight: Tensor?
  public let p: Int
  public let margin: Double
  public let reduction: LossReduction

  public init(p: Int = 1, margin: Double = 1, weight: Tensor? = nil, reduction: LossReduction = .mean) {
    self.p = p
    self.margin = margin
    self.weight = weight
    self.reduction = reduction
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) {
      [$0[0].multiMarginLoss($0[1], p: p, margin: margin, weight: weight, reduction: reduction)]
    }[0]
  }
}
