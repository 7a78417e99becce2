import FlamebackCore
import FlamebackOps

/// x above 0, a random slope times x below; the mean slope in evaluation. SeeAlso: torch.nn.RReLU
public final class RReLU: Module, UnaryLayer {
  public let lower: Double
  public let upper: Double

  public init(_ lower: Double = 1.0 / 8, _ upper: Double = 1.0 / 3) {
    self.lower = lower
    self.upper = upper
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { $0.rrelu(lower: lower, upper: upper, training: isTraining) }
  }

  public override var extraRepr: String { "lower=\(repr(lower)), upper=\(repr(upper))" }
}
