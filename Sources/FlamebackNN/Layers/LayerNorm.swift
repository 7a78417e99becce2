import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Normalises over the last dimensions. SeeAlso: torch.nn.LayerNorm
public final class LayerNorm: Module, UnaryLayer {
  public let normalizedShape: [Int]
  public let eps: Double
  public let elementwiseAffine: Bool
  @Parameter public var weight: Tensor?
  @Parameter public var bias: Tensor?

  public init(
    _ normalizedShape: some Dims, eps: Double = 1e-5, elementwiseAffine: Bool = true, bias: Bool = true
  ) {
    self.normalizedShape = normalizedShape.dims
    self.eps = eps
    self.elementwiseAffine = elementwiseAffine
    weight = elementwiseAffine ? .ones(normalizedShape.dims) : nil
    self.bias = elementwiseAffine && bias ? .zeros(normalizedShape.dims) : nil
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { $0.layerNorm(normalizedShape, weight: weight, bias: bias, eps: eps) }
  }

  public override var extraRepr: String {
    "\(repr(normalizedShape)), eps=\(repr(eps)), elementwise_affine=\(repr(elementwiseAffine))"
      + (elementwiseAffine ? ", bias=\(repr(bias != nil))" : "")
  }
}

/// Divides by the root of the mean square over the last dimensions. SeeAlso: torch.nn.RMSNorm
public final class RMSNorm: Module, UnaryLayer {
  public let normalizedShape: [Int]
  public let eps: Double?
  @Parameter public var weight: Tensor?

  public init(_ normalizedShape: some Dims, eps: Double? = nil, elementwiseAffine: Bool = true) {
    self.normalizedShape = normalizedShape.dims
    self.eps = eps
    weight = elementwiseAffine ? .ones(normalizedShape.dims) : nil
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { $0.rmsNorm(normalizedShape, weight: weight, eps: eps) }
  }

  public override var extraRepr: String {
    "\(repr(normalizedShape)), eps=\(repr(eps)), elementwise_affine=\(repr(weight != nil))"
  }
}
