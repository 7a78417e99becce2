import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Zeroes elements with probability p in training and scales the rest. SeeAlso: torch.nn.Dropout
public final class Dropout: Module, UnaryLayer {
  public let p: Double

  public init(_ p: Double = 0.5) {
    self.p = p
    super.init()
    checkProbability(p)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.dropout(p, training: isTraining) } }

  public override var extraRepr: String { "p=\(repr(p)), inplace=False" }
}

/// Zeroes whole channels of sequences in training. SeeAlso: torch.nn.Dropout1d
public final class Dropout1d: Module, UnaryLayer {
  public let p: Double

  public init(_ p: Double = 0.5) {
    self.p = p
    super.init()
    checkProbability(p)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.dropout1d(p, training: isTraining) } }

  public override var extraRepr: String { "p=\(repr(p)), inplace=False" }
}

/// Zeroes whole channels of images in training. SeeAlso: torch.nn.Dropout2d
public final class Dropout2d: Module, UnaryLayer {
  public let p: Double

  public init(_ p: Double = 0.5) {
    self.p = p
    super.init()
    checkProbability(p)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.dropout2d(p, training: isTraining) } }

  public override var extraRepr: String { "p=\(repr(p)), inplace=False" }
}

/// Zeroes whole channels of volumes in training. SeeAlso: torch.nn.Dropout3d
public final class Dropout3d: Module, UnaryLayer {
  public let p: Double

  public init(_ p: Double = 0.5) {
    self.p = p
    super.init()
    checkProbability(p)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.dropout3d(p, training: isTraining) } }

  public override var extraRepr: String { "p=\(repr(p)), inplace=False" }
}

/// Dropout that keeps mean and variance of SELU networks. SeeAlso: torch.nn.AlphaDropout
public final class AlphaDropout: Module, UnaryLayer {
  public let p: Double

  public init(_ p: Double = 0.5) {
    self.p = p
    super.init()
    checkProbability(p)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.alphaDropout(p, training: isTraining) } }

  public override var extraRepr: String { "p=\(repr(p)), inplace=False" }
}

/// Alpha dropout of whole channels. SeeAlso: torch.nn.FeatureAlphaDropout
public final class FeatureAlphaDropout: Module, UnaryLayer {
  public let p: Double

  public init(_ p: Double = 0.5) {
    self.p = p
    super.init()
    checkProbability(p)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.featureAlphaDropout(p, training: isTraining) } }

  public override var extraRepr: String { "p=\(repr(p)), inplace=False" }
}

extension Module {
  /// Reports a probability outside [0, 1].
  func checkProbability(_ p: Double) {
    if !(p >= 0 && p <= 1) { report(OpError(typeName, "the probability must be between 0 and 1, got \(p)")) }
  }
}
