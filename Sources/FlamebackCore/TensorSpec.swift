import FlamebackKernels

/// A tensor without its values: what shape rules work on.
public struct TensorSpec: Sendable, Hashable, CustomStringConvertible {
  public var shape: Shape
  public var dtype: DType
  public var device: Device

  public init(shape: Shape, dtype: DType, device: Device = .cpu) {
    self.shape = shape
    self.dtype = dtype
    self.device = device
  }

  public var rank: Int { shape.count }
  /// `float32 [2, 3]`, as errors print it.
  public var description: String { "\(dtype) \(shape)" }
}
