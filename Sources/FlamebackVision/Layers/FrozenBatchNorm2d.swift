import Flameback

/// Batch norm whose scale, shift and statistics are fixed buffers. SeeAlso: torchvision.ops.FrozenBatchNorm2d
public final class FrozenBatchNorm2d: Module, UnaryLayer {
  public let numFeatures: Int
  public let eps: Double
  @Buffer public var weight: Tensor
  @Buffer public var bias: Tensor
  @Buffer public var runningMean: Tensor
  @Buffer public var runningVar: Tensor

  public init(_ numFeatures: Int, eps: Double = 1e-5) {
    self.numFeatures = numFeatures
    self.eps = eps
    weight = .ones([numFeatures])
    bias = .zeros([numFeatures])
    runningMean = .zeros([numFeatures])
    runningVar = .ones([numFeatures])
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { x in
      let scale = (weight * (runningVar + eps).rsqrt()).reshape(1, -1, 1, 1)
      let shift = bias.reshape(1, -1, 1, 1) - runningMean.reshape(1, -1, 1, 1) * scale
      return x * scale + shift
    }
  }

  public override var extraRepr: String { "\(numFeatures), eps=\(eps)" }
}
