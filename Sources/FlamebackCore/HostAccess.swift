import FlamebackKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Tensor {
  /// A tensor over a copy of `elements`, in row-major order.
  ///
  /// Reports an error if the count does not fit the shape. SeeAlso: torch.tensor
  public init<T: TensorElement>(
    _ elements: [T], shape: Shape, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) {
    guard shape.checkedElementCount == elements.count else {
      self = fail("tensor", "\(elements.count) elements do not fill shape \(shape)")
      return
    }
    self = attempt(.poisoned(TensorSpec(shape: shape, dtype: T.dtype))) { () throws(OpError) in
      let result = try Tensor.uninitialized(TensorSpec(shape: shape, dtype: T.dtype), op: "tensor")
      elements.withUnsafeBytes { bytes in
        if let base = bytes.baseAddress { result.hostView.pointer.copyMemory(from: base, byteCount: bytes.count) }
      }
      return result
    }
    if let dtype { self = to(dtype) }
    let device = device ?? Context.defaultDevice
    self = to(device)
    if requiresGrad { self = requiringGrad() }
  }

  /// A tensor over memory that already exists; `release` runs when nobody needs it any more. Nothing is copied.
  /// `isConstant`: nobody changes it meanwhile.
  public init(
    foreign address: UnsafeMutableRawPointer, shape: Shape, dtype: DType, isConstant: Bool = false,
    release: @escaping @Sendable () -> Void
  ) {
    let storage = Storage(
      foreign: address, byteCount: shape.elementCount * dtype.byteSize, isConstant: isConstant, release: release)
    self.init(TensorBody(storage: storage, layout: Layout(shape), dtype: dtype))
  }

  /// Calls `body` with the elements' bytes in row-major order, copied from a device or a strided view where needed.
  public func withHostBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    noteInTrace("reads values")
    let host = attempt(like: self.withoutHistory) { () throws(OpError) in
      let packed = try withoutHistory.packed(op: "withHostBytes")
      return try packed.copied(to: .cpu, op: "withHostBytes")
    }
    defer { withExtendedLifetime(host) {} }
    if host.isPoisoned, !isPoisoned, let zeros = calloc(elementCount, dtype.byteSize) {
      // There was no memory for the copy: zeros stand in, as many as the caller expects.
      defer { free(zeros) }
      return try body(UnsafeRawBufferPointer(start: zeros, count: elementCount * dtype.byteSize))
    }
    return try body(UnsafeRawBufferPointer(start: host.hostView.pointer, count: host.elementCount * dtype.byteSize))
  }

  /// The elements in row-major order, converted to `T` if they are of another type. SeeAlso: torch.Tensor.tolist
  public func scalars<T: TensorElement>(_ type: T.Type = T.self) -> [T] {
    let converted = T.dtype == dtype ? self : withoutHistory.to(T.dtype)
    if converted.isPoisoned, !isPoisoned {
      // The conversion failed, and the error is reported: zeros stand in, as many as the caller expects.
      return [T](unsafeUninitializedCapacity: elementCount) { buffer, count in
        memset(buffer.baseAddress!, 0, elementCount * MemoryLayout<T>.stride)
        count = elementCount
      }
    }
    return converted.withHostBytes { bytes in Array(bytes.bindMemory(to: T.self)) }
  }

  /// The only element. Reports an error if there are more or none. SeeAlso: torch.Tensor.item
  public func item() -> Scalar {
    guard elementCount == 1 else {
      report(OpError("item", "a tensor with \(elementCount) elements cannot be converted to a number: \(spec)"))
      return .float(.nan)
    }
    switch dtype.category {
    case .bool: return .bool(scalars(Bool.self)[0])
    case .integer:
      if dtype == .uint64, let value = scalars(UInt64.self).first, value > Int.max {
        report(OpError("item", "\(value) does not fit Int: read it with scalars(UInt64.self)"))
      }
      return .int(scalars(Int.self)[0])
    case .floating: return .float(scalars(Double.self)[0])
    case .complex:
      let value = scalars(Complex<Double>.self)[0]
      return .complex(value.real, value.imaginary)
    }
  }

  /// The only element as a floating point number.
  public func itemDouble() -> Double { item().double }
  /// The only element as an integer, cut off towards zero. Reports an error for NaN and what does not fit into an Int.
  public func itemInt() -> Int {
    let value = item()
    if value.category >= .floating, Int(exactly: value.double.rounded(.towardZero)) == nil {
      if !isPoisoned { report(OpError("item", "\(value.double) cannot be converted to an integer")) }
      return 0
    }
    return value.int
  }
}
