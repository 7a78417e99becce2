import FlamebackKernels

/// What `autocast` does with the floating point inputs of an operation.
public enum AutocastRule: Sendable {
  /// They stay as they are.
  case unchanged
  /// They are converted to the dtype of `autocast`: products and convolutions.
  case lower
  /// 16-bit ones become float32: sums over many elements, losses.
  case float32
}

/// Runs `body` with products and convolutions in `dtype`, their float32 operands being converted on the way in; losses,
/// softmax and recurrent networks compute in float32. Parameters and their gradients keep their dtype.
///
///     let loss = autocast { model(x).crossEntropy(y) }
///     loss.backward()  // outside, like PyTorch's
///
/// SeeAlso: torch.autocast
public func autocast<R>(_ dtype: DType = .bfloat16, enabled: Bool = true, _ body: () throws -> R) rethrows -> R {
  if enabled && dtype != .bfloat16 && dtype != .float16 {
    report(OpError("autocast", "expected bfloat16 or float16, got \(dtype)"))
  }
  return try Context.scoped({ $0.autocastDType = enabled ? dtype : nil }, body)
}

extension Context {
  /// The dtype of products inside `autocast`, nil outside. SeeAlso: torch.get_autocast_dtype
  public static var autocastDType: DType? { current.values.autocastDType }
}

extension AutocastRule {
  func cast(_ inputs: [Tensor], to lower: DType) -> [Tensor] {
    switch self {
    case .unchanged: inputs
    case .lower: inputs.map { $0.dtype == .float32 || $0.dtype.isHalf ? $0.to(lower) : $0 }
    case .float32: inputs.map { $0.dtype.isHalf ? $0.to(.float32) : $0 }
    }
  }
}

extension DType {
  fileprivate var isHalf: Bool { self == .float16 || self == .bfloat16 }
}
