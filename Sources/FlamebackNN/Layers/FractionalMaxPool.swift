import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// The largest values of windows that begin at random places; either `outputSize` or its ratio to the input's.
///
/// `randomSamples` settles the places for all calls. SeeAlso: torch.nn.FractionalMaxPool2d
public final class FractionalMaxPool2d: Module, UnaryLayer {
  public let kernelSize: any Sizes
  public let outputSize: (any Sizes)?
  public let outputRatio: (any Factors)?
  @Buffer public var randomSamples: Tensor?

  public init(
    _ kernelSize: any Sizes, outputSize: (any Sizes)? = nil, outputRatio: (any Factors)? = nil,
    randomSamples: Tensor? = nil
  ) {
    self.kernelSize = kernelSize
    self.outputSize = outputSize
    self.outputRatio = outputRatio
    self.randomSamples = randomSamples
    super.init()
    checkFractions(typeName, outputSize, outputRatio)
  }

  public override class var stateKeys: [String: String] { ["randomSamples": "_random_samples"] }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { withIndices($0).output } }

  /// The values and where they came from.
  public func withIndices(_ x: Tensor) -> (output: Tensor, indices: Tensor) {
    x.fractionalMaxPool2d(
      kernelSize, outputSize: outputSize, outputRatio: outputRatio, randomSamples: randomSamples)
  }
}

/// The three-dimensional form. SeeAlso: torch.nn.FractionalMaxPool3d
public final class FractionalMaxPool3d: Module, UnaryLayer {
  public let kernelSize: any Sizes
  public let outputSize: (any Sizes)?
  public let outputRatio: (any Factors)?
  @Buffer public var randomSamples: Tensor?

  public init(
    _ kernelSize: any Sizes, outputSize: (any Sizes)? = nil, outputRatio: (any Factors)? = nil,
    randomSamples: Tensor? = nil
  ) {
    self.kernelSize = kernelSize
    self.outputSize = outputSize
    self.outputRatio = outputRatio
    self.randomSamples = randomSamples
    super.init()
    checkFractions(typeName, outputSize, outputRatio)
    if !kernelSize.sizes.allSatisfy({ $0 > 0 }) {
      report(OpError(typeName, "kernelSize must be positive, got \(kernelSize.sizes)"))
    }
  }

  public override class var stateKeys: [String: String] { ["randomSamples": "_random_samples"] }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { withIndices($0).output } }

  /// The values and where they came from.
  public func withIndices(_ x: Tensor) -> (output: Tensor, indices: Tensor) {
    x.fractionalMaxPool3d(
      kernelSize, outputSize: outputSize, outputRatio: outputRatio, randomSamples: randomSamples)
  }
}

private func checkFractions(_ op: String, _ size: (any Sizes)?, _ ratio: (any Factors)?) {
  if (size == nil) == (ratio == nil) {
    report(OpError(op, "exactly one of outputSize and outputRatio must be given"))
  } else if let ratio, !ratio.factors.allSatisfy({ 0 < $0 && $0 < 1 }) {
    report(OpError(op, "outputRatio must lie between 0 and 1, got \(ratio.factors)"))
  }
}
