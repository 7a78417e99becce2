import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// A tensor full of `value`; its dtype is that of the number: bool, int64, or the default floating point or complex one.
  /// SeeAlso: torch.full
  public static func full(
    _ shape: some Collection<Int>, _ value: Scalar, dtype: DType? = nil, device: Device? = nil,
    requiresGrad: Bool = false
  ) -> Tensor {
    let own: DType =
      switch value {
      case .bool: .bool
      case .int: .int64
      case .float: Context.defaultDType
      case .complex: Context.defaultDType.complex
      }
    let spec = TensorSpec(shape: Shape(shape), dtype: dtype ?? own, device: device ?? Context.defaultDevice)
    guard spec.shape.allSatisfy({ $0 >= 0 }) else {
      return fail("full", "sizes must not be negative: \(spec.shape)", like: spec)
    }
    let tensor = filled(value, spec)
    return requiresGrad ? tensor.requiringGrad() : tensor
  }

  /// SeeAlso: torch.zeros
  public static func zeros(
    _ shape: Int..., dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor { zeros(shape, dtype: dtype, device: device, requiresGrad: requiresGrad) }

  /// SeeAlso: torch.zeros
  public static func zeros(
    _ shape: some Collection<Int>, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor {
    full(shape, 0, dtype: dtype ?? Context.defaultDType, device: device, requiresGrad: requiresGrad)
  }

  /// SeeAlso: torch.ones
  public static func ones(
    _ shape: Int..., dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor { ones(shape, dtype: dtype, device: device, requiresGrad: requiresGrad) }

  /// SeeAlso: torch.ones
  public static func ones(
    _ shape: some Collection<Int>, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor {
    full(shape, 1, dtype: dtype ?? Context.defaultDType, device: device, requiresGrad: requiresGrad)
  }

  /// Memory as it comes: the elements are arbitrary. SeeAlso: torch.empty
  public static func empty(
    _ shape: Int..., dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor { empty(shape, dtype: dtype, device: device, requiresGrad: requiresGrad) }

  /// Memory as it comes: the elements are arbitrary. SeeAlso: torch.empty
  public static func empty(
    _ shape: some Collection<Int>, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor {
    let spec = TensorSpec(
      shape: Shape(shape), dtype: dtype ?? Context.defaultDType, device: device ?? Context.defaultDevice)
    guard spec.shape.allSatisfy({ $0 >= 0 }) else {
      return fail("empty", "sizes must not be negative: \(spec.shape)", like: spec)
    }
    let tensor = attempt(Tensor.poisoned(spec)) { () throws(OpError) in try uninitialized(spec, op: "empty") }
    return requiresGrad ? tensor.requiringGrad() : tensor
  }

  /// One number as a 0-d tensor. SeeAlso: torch.scalar_tensor
  public static func scalar(_ value: Scalar, dtype: DType? = nil, device: Device? = nil) -> Tensor {
    full([], value, dtype: dtype, device: device)
  }

  /// Zeros in the shape, dtype and on the device of `other`. SeeAlso: torch.zeros_like
  public static func zerosLike(
    _ other: Tensor, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor { fullLike(other, 0, dtype: dtype, device: device, requiresGrad: requiresGrad) }

  /// SeeAlso: torch.ones_like
  public static func onesLike(
    _ other: Tensor, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor { fullLike(other, 1, dtype: dtype, device: device, requiresGrad: requiresGrad) }

  /// SeeAlso: torch.full_like
  public static func fullLike(
    _ other: Tensor, _ value: Scalar, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor {
    full(
      other.shape, value, dtype: dtype ?? other.dtype, device: device ?? other.device, requiresGrad: requiresGrad)
  }

  /// SeeAlso: torch.empty_like
  public static func emptyLike(
    _ other: Tensor, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor {
    empty(other.shape, dtype: dtype ?? other.dtype, device: device ?? other.device, requiresGrad: requiresGrad)
  }

  /// Zeros of this tensor's dtype and device in another shape. SeeAlso: torch.Tensor.new_zeros
  public func newZeros(_ shape: some Collection<Int>, dtype: DType? = nil, device: Device? = nil) -> Tensor {
    newFull(shape, 0, dtype: dtype, device: device)
  }

  /// SeeAlso: torch.Tensor.new_ones
  public func newOnes(_ shape: some Collection<Int>, dtype: DType? = nil, device: Device? = nil) -> Tensor {
    newFull(shape, 1, dtype: dtype, device: device)
  }

  /// SeeAlso: torch.Tensor.new_full
  public func newFull(
    _ shape: some Collection<Int>, _ value: Scalar, dtype: DType? = nil, device: Device? = nil
  ) -> Tensor { .full(shape, value, dtype: dtype ?? self.dtype, device: device ?? self.device) }

  /// SeeAlso: torch.Tensor.new_empty
  public func newEmpty(_ shape: some Collection<Int>, dtype: DType? = nil, device: Device? = nil) -> Tensor {
    .empty(shape, dtype: dtype ?? self.dtype, device: device ?? self.device)
  }
}

extension Tensor {
  /// A tensor of this shape and dtype full of one value; a 0-d tensor passes its gradient. SeeAlso: torch.fill
  public func fill(_ value: some TensorOperand) -> Tensor {
    if case .scalar(let scalar) = value.operand, !requiresGrad {
      return .full(shape, scalar, dtype: dtype, device: device)
    }
    return maskedFill(Tensor.full([], true, device: device), value)
  }
}
