import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// exp(x) / Σ exp(x) along a dimension. SeeAlso: torch.nn.Softmax
public final class Softmax: Module, UnaryLayer {
  public let dim: Int

  public init(dim: Int = -1) {
    self.dim = dim
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.softmax(dim: dim) } }

  public override var extraRepr: String { "dim=\(dim)" }
}

/// log(softmax(x)) along a dimension. SeeAlso: torch.nn.LogSoftmax
public final class LogSoftmax: Module, UnaryLayer {
  public let dim: Int

  public init(dim: Int = -1) {
    self.dim = dim
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.logSoftmax(dim: dim) } }

  public override var extraRepr: String { "dim=\(dim)" }
}

/// softmax(-x) along a dimension. SeeAlso: torch.nn.Softmin
public final class Softmin: Module, UnaryLayer {
  public let dim: Int

  public init(dim: Int = -1) {
    self.dim = dim
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { (-$0).softmax(dim: dim) } }

  public override var extraRepr: String { "dim=\(dim)" }
}

/// Softmax over the channels of images. SeeAlso: torch.nn.Softmax2d
public final class Softmax2d: Module, UnaryLayer {
  public override init() {}

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.softmax(dim: -3) } }
}

/// One half of the input times the sigmoid of the other. SeeAlso: torch.nn.GLU
public final class GLU: Module, UnaryLayer {
  public let dim: Int

  public init(_ dim: Int = -1) {
    self.dim = dim
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.glu(dim: dim) } }

  public override var extraRepr: String { "dim=\(dim)" }
}

/// x above 0, a learnt slope times x below. SeeAlso: torch.nn.PReLU
public final class PReLU: Module, UnaryLayer {
  public let numParameters: Int
  @Parameter public var weight: Tensor

  public init(_ numParameters: Int = 1, initial: Double = 0.25) {
    self.numParameters = numParameters
    weight = Tensor.full([numParameters], .float(initial))
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0.prelu(weight) } }

  public override var extraRepr: String { "num_parameters=\(numParameters)" }
}
