import FlamebackCore

/// Gives back what it gets. SeeAlso: torch.nn.Identity
public final class Identity: Module, UnaryLayer {
  public override init() {}
  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { $0 } }
}
