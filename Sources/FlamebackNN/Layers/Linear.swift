import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// x · weightᵀ + bias. SeeAlso: torch.nn.Linear
public final class Linear: Module, UnaryLayer {
  public let inFeatures: Int
  public let outFeatures: Int
  @Parameter public var weight: Tensor
  @Parameter public var bias: Tensor?

  public init(_ inFeatures: Int, _ outFeatures: Int, bias: Bool = true) {
    self.inFeatures = inFeatures
    self.outFeatures = outFeatures
    weight = Init.kaiming([outFeatures, inFeatures])
    self.bias = bias ? Init.bias([outFeatures], fanIn: inFeatures) : nil
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $weight.linear($0, bias) } }

  public override var extraRepr: String {
    "in_features=\(inFeatures), out_features=\(outFeatures), bias=\(repr(bias != nil))"
  }

  public override func multiplyAdds(inputs: [Shape], outputs: [Shape]) -> Int {
    outputs[0].elementCount * (inFeatures + (bias == nil ? 0 : 1))
  }
}

/// x₁ᵀ · weight · x₂ + bias. SeeAlso: torch.nn.Bilinear
public final class Bilinear: Module {
  public let in1Features: Int
  public let in2Features: Int
  public let outFeatures: Int
  @Parameter public var weight: Tensor
  @Parameter public var bias: Tensor?

  public init(_ in1Features: Int, _ in2Features: Int, _ outFeatures: Int, bias: Bool = true) {
    self.in1Features = in1Features
    self.in2Features = in2Features
    self.outFeatures = outFeatures
    if in1Features <= 0 { report(OpError("Bilinear", "in1Features must be positive, got \(in1Features)")) }
    weight = Init.bias([outFeatures, in1Features, in2Features], fanIn: max(in1Features, 1))
    self.bias = bias ? Init.bias([outFeatures], fanIn: max(in1Features, 1)) : nil
  }

  public func callAsFunction(_ x1: Tensor, _ x2: Tensor) -> Tensor {
    call([x1, x2]) { [$0[0].bilinear($0[1], weight, bias)] }[0]
  }

  public override var extraRepr: String {
    "in1_features=\(in1Features), in2_features=\(in2Features), out_features=\(outFeatures), bias=\(repr(bias != nil))"
  }
}
