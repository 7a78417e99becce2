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
    super.init()
    if p != 1, p != 2 { report(OpError("MultiMarginLoss", "p must be 1 or 2, got \(p)")) }
    if let weight, weight.rank != 1 {
      report(OpError("MultiMarginLoss", "expected a weight for each class, got \(weight.spec)"))
    }
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) {
      [$0[0].multiMarginLoss($0[1], p: p, margin: margin, weight: weight, reduction: reduction)]
    }[0]
  }
}

/// The likelihood of a sequence of labels whose places in time are not known. SeeAlso: torch.nn.CTCLoss
public final class CTCLoss: Module {
  public let blank: Int
  public let reduction: LossReduction
  public let zeroInfinity: Bool

  public init(blank: Int = 0, reduction: LossReduction = .mean, zeroInfinity: Bool = false) {
    self.blank = blank
    self.reduction = reduction
    self.zeroInfinity = zeroInfinity
  }

  public func callAsFunction(
    _ logProbs: Tensor, _ targets: Tensor, inputLengths: [Int], targetLengths: [Int]
  ) -> Tensor {
    call([logProbs, targets]) {
      [
        $0[0].ctcLoss(
          $0[1], inputLengths: inputLengths, targetLengths: targetLengths, blank: blank, reduction: reduction,
          zeroInfinity: zeroInfinity)
      ]
    }[0]
  }
}

/// A linear layer and the cross entropy of its output in one, without keeping the logits.
/// SeeAlso: torch.nn.LinearCrossEntropyLoss
public final class LinearCrossEntropyLoss: Module, BinaryLoss {
  @Buffer public var weight: Tensor?
  public let linear: Linear
  public let numClasses: Int
  /// Sizes of further dimensions between the classes and the features.
  public let outFeatures: [Int]
  public let ignoreIndex: Int?
  public let labelSmoothing: Double
  public let reduction: LossReduction

  public init(
    _ inFeatures: Int, _ numClasses: Int, outFeatures: [Int] = [], bias: Bool = false,
    reduction: LossReduction = .mean, weight: Tensor? = nil, ignoreIndex: Int? = nil, labelSmoothing: Double = 0
  ) {
    self.weight = weight
    self.numClasses = numClasses
    self.outFeatures = outFeatures
    self.ignoreIndex = ignoreIndex
    self.labelSmoothing = labelSmoothing
    self.reduction = reduction
    linear = Linear(inFeatures, outFeatures.reduce(numClasses, *), bias: bias)
    super.init()
    if let weight, weight.shape != [numClasses] {
      report(OpError("LinearCrossEntropyLoss", "expected weights of \(numClasses) classes, got \(weight.spec)"))
    }
    if !(labelSmoothing >= 0 && labelSmoothing <= 1) {
      report(OpError("LinearCrossEntropyLoss", "labelSmoothing must be between 0 and 1, got \(labelSmoothing)"))
    }
  }

  public func callAsFunction(_ input: Tensor, _ target: Tensor) -> Tensor {
    call([input, target]) { inputs in
      let shape = [numClasses] + outFeatures
      return [
        inputs[0].linearCrossEntropy(
          linear.weight.reshape(shape + [linear.inFeatures]), inputs[1], bias: linear.bias?.reshape(shape),
          classWeight: weight, reduction: reduction, ignoreIndex: ignoreIndex, labelSmoothing: labelSmoothing)
      ]
    }[0]
  }

  public override var extraRepr: String {
    "in_features=\(linear.inFeatures), num_classes=\(numClasses), out_features=\(repr(outFeatures)), "
      + "bias=\(repr(linear.bias != nil)), reduction=\(reduction.rawValue), ignore_index=\(repr(ignoreIndex)), "
      + "label_smoothing=\(repr(labelSmoothing))"
  }
}
