import Flameback

/// Layer norm over the channels of images. SeeAlso: torchvision.models.convnext.LayerNorm2d
public final class LayerNorm2d: Module, UnaryLayer {
  @Parameter public var weight: Tensor
  @Parameter public var bias: Tensor
  let eps: Double

  public init(_ channels: Int, eps: Double = 1e-6) {
    (weight, bias, self.eps) = (.ones([channels]), .zeros([channels]), eps)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.permute(0, 2, 3, 1).layerNorm([weight.elementCount], weight: weight, bias: bias, eps: eps).permute(0, 3, 1, 2)
  }
}
