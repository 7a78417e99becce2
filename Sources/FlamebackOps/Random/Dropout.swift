import FlamebackCore
import FlamebackKernels

extension Elementwise {
  /// (noise, x, q) → x · (noise / q).
  fileprivate static let dropout = Elementwise("dropout", arity: 3, domain: [.floating, .complex], conditions: 1) {
    $0[1] * ($0[0] / $0[2])
  }
}

extension Tensor {
  /// Elements set to 0 with probability `p`, the others divided by 1 − p. SeeAlso: torch.nn.functional.dropout
  public func dropout(_ p: Double = 0.5, training: Bool = true, generator: Generator? = nil) -> Tensor {
    dropped("dropout", p, training) { redrawn(.bernoulli(1 - p), dtype: .bool, generator) }
  }

  /// Whole channels of `[N, C, L]` or `[C, L]` set to 0. SeeAlso: torch.nn.functional.dropout1d
  public func dropout1d(_ p: Double = 0.5, training: Bool = true, generator: Generator? = nil) -> Tensor {
    if rank == 2 { return unsqueeze(0).featureDropout("dropout1d", p, training, generator).squeeze(0) }
    guard rank == 3 else { return fail("dropout1d", "expects 2 or 3 dimensions, got \(spec)", like: spec) }
    return featureDropout("dropout1d", p, training, generator)
  }

  /// Whole channels of `[N, C, H, W]` set to 0; of 3 dimensions the first two are `N` and `C`.
  /// SeeAlso: torch.nn.functional.dropout2d
  public func dropout2d(_ p: Double = 0.5, training: Bool = true, generator: Generator? = nil) -> Tensor {
    featureDropout("dropout2d", p, training, generator)
  }

  /// Whole channels of `[N, C, D, H, W]` or `[C, D, H, W]` set to 0. SeeAlso: torch.nn.functional.dropout3d
  public func dropout3d(_ p: Double = 0.5, training: Bool = true, generator: Generator? = nil) -> Tensor {
    if rank == 4 { return unsqueeze(0).featureDropout("dropout3d", p, training, generator).squeeze(0) }
    return featureDropout("dropout3d", p, training, generator)
  }

  /// Dropout that keeps mean and variance of SELU's outputs. SeeAlso: torch.nn.functional.alpha_dropout
  public func alphaDropout(_ p: Double = 0.5, training: Bool = false, generator: Generator? = nil) -> Tensor {
    alphaDropped("alphaDropout", p, training) { redrawn(.bernoulli(1 - p), generator) }
  }

  /// `alphaDropout` of whole channels. SeeAlso: torch.nn.functional.feature_alpha_dropout
  public func featureAlphaDropout(_ p: Double = 0.5, training: Bool = false, generator: Generator? = nil) -> Tensor {
    guard rank >= 2 || !training || p == 0 else {
      return fail("featureAlphaDropout", "needs at least 2 dimensions, got \(spec)", like: spec)
    }
    return alphaDropped("featureAlphaDropout", p, training) {
      Tensor.drawn(.bernoulli(1 - p), channelShape, dtype, device, generator)
    }
  }

  private var channelShape: Shape { Shape(shape.enumerated().map { $0.offset < 2 ? $0.element : 1 }) }

  private func featureDropout(_ op: String, _ p: Double, _ training: Bool, _ generator: Generator?) -> Tensor {
    guard rank >= 2 || !training || p == 0 else {
      return fail(op, "needs at least 2 dimensions, got \(spec)", like: spec)
    }
    return dropped(op, p, training) { Tensor.drawn(.bernoulli(1 - p), channelShape, .bool, device, generator) }
  }

  private func dropped(_ op: String, _ p: Double, _ training: Bool, _ noise: () -> Tensor) -> Tensor {
    guard p >= 0 && p <= 1 else { return fail(op, "expects a probability in [0, 1], got \(p)", like: spec) }
    if p == 0 || !training || elementCount == 0 { return self }
    if p == 1 { return self * Tensor.zeros([], dtype: dtype, device: device) }
    return Elementwise.dropout(noise().operand, operand, Scalar.float(1 - p).operand)
  }

  // The constants of Klambauer et al. (2017), as PyTorch rounds them.
  private func alphaDropped(_ op: String, _ p: Double, _ training: Bool, _ noise: () -> Tensor) -> Tensor {
    guard p >= 0 && p <= 1 else { return fail(op, "expects a probability in [0, 1], got \(p)", like: spec) }
    if p == 0 || !training || elementCount == 0 { return self }
    if p == 1 { return self * Tensor.zeros([], dtype: dtype, device: device) }
    let alpha = 1.7580993408473766
    let a = 1 / ((alpha * alpha * p + 1) * (1 - p)).squareRoot()
    let kept = noise()
    return self * (kept * a) + ((kept - 1) * (alpha * a) + alpha * a * p)
  }
}
