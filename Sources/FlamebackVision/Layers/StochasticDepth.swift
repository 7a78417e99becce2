import Flameback

/// What `stochasticDepth` drops together.
public enum StochasticDepthMode: String, Sendable {
  /// All samples.
  case batch
  /// Each sample by itself.
  case row
}

extension Tensor {
  /// The input zeroed with probability `p` in training, else scaled by 1 / (1 − p): a residual branch left out.
  /// SeeAlso: torchvision.ops.stochastic_depth
  public func stochasticDepth(p: Double, mode: StochasticDepthMode, training: Bool = true) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard (0...1).contains(p) else { throw OpError("stochasticDepth", "p must lie in [0, 1], got \(p)") }
      guard rank > 0 || mode == .batch else { throw OpError("stochasticDepth", "mode row needs a batch: \(spec)") }
      if !training || p == 0 { return self }
      let shape = (mode == .row ? [self.shape[0]] : [1]) + Array(repeating: 1, count: Swift.max(rank - 1, 0))
      // As PyTorch: dropout's factor of ones.
      return self * Tensor.ones(rank == 0 ? [] : shape, dtype: dtype, device: device).dropout(p, training: true)
    }
  }
}

/// Leaves its input out at random in training. SeeAlso: torchvision.ops.StochasticDepth
public final class StochasticDepth: Module, UnaryLayer {
  public let p: Double
  public let mode: StochasticDepthMode

  public init(_ p: Double, mode: StochasticDepthMode) {
    self.p = p
    self.mode = mode
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    call(x) { $0.stochasticDepth(p: p, mode: mode, training: isTraining) }
  }

  public override var extraRepr: String { "p=\(p), mode=\(mode.rawValue)" }
}
