import FlamebackCore
import FlamebackKernels

/// An operation that the reference device computes itself. Conforming a primitive gives the device its kernel.
package protocol ReferenceKernel: Primitive {
  /// Whether the kernel computes with operands of these specs.
  func takes(_ inputs: [TensorSpec]) -> Bool
  /// The kernel to queue: itself, or one that already holds whatever depends on the moment of submission.
  func prepared() throws(OpError) -> any ReferenceKernel
  /// Computes the outputs, which are contiguous, from the inputs.
  func run(_ inputs: [ReferenceArray], into outputs: [ReferenceArray]) throws(OpError)
}

extension ReferenceKernel {
  package func takes(_ inputs: [TensorSpec]) -> Bool { true }
  package func prepared() throws(OpError) -> any ReferenceKernel { self }
}

/// Numbers of one category, in row-major order.
package enum ReferenceNumbers: Sendable {
  case integers([Int])
  case reals([Double])
  case complexes([Complex<Double>])
}

/// An operand of a reference kernel: where its elements lie in the device's memory.
package struct ReferenceArray: @unchecked Sendable {
  let base: UnsafeMutableRawPointer
  package let dtype: DType
  package let shape: Shape
  package let strides: Shape

  package var count: Int { shape.elementCount }

  /// The distance of every element from the first, in elements, in row-major order.
  package var offsets: [Int] {
    var offsets = [0]
    offsets.reserveCapacity(count)
    for d in shape.indices {
      var next: [Int] = []
      next.reserveCapacity(offsets.count * shape[d])
      for offset in offsets { for i in 0..<shape[d] { next.append(offset + i * strides[d]) } }
      offsets = next
    }
    return offsets
  }

  private func load<T: BitwiseCopyable>(_ type: T.Type) -> [T] {
    offsets.map { base.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.stride, as: type) }
  }

  private func store<T: BitwiseCopyable>(_ values: some Sequence<T>) {
    for (offset, value) in zip(offsets, values) {
      base.storeBytes(of: value, toByteOffset: offset * MemoryLayout<T>.stride, as: T.self)
    }
  }

  /// The elements, widened to the largest type of their category; those of uint64 keep their bits.
  package var numbers: ReferenceNumbers {
    switch dtype {
    case .bool: .integers(load(UInt8.self).map { $0 == 0 ? 0 : 1 })
    case .uint8: .integers(load(UInt8.self).map { Int($0) })
    case .int8: .integers(load(Int8.self).map { Int($0) })
    case .int16: .integers(load(Int16.self).map { Int($0) })
    case .int32: .integers(load(Int32.self).map { Int($0) })
    case .int64: .integers(load(Int.self))
    case .uint16: .integers(load(UInt16.self).map { Int($0) })
    case .uint32: .integers(load(UInt32.self).map { Int($0) })
    case .uint64: .integers(load(UInt64.self).map { Int(truncatingIfNeeded: $0) })
    case .float8E4M3FN: .reals(load(Float8E4M3FN.self).map { Double($0.float) })
    case .float8E5M2: .reals(load(Float8E5M2.self).map { Double($0.float) })
    case .complex32: .complexes(load(Complex<Float16>.self).map { Complex(Double($0.real), Double($0.imaginary)) })
    case .float16: .reals(load(Float16.self).map { Double($0) })
    case .bfloat16: .reals(load(BFloat16.self).map { Double($0.float) })
    case .float32: .reals(load(Float.self).map { Double($0) })
    case .float64: .reals(load(Double.self))
    case .complex64: .complexes(load(Complex<Float>.self).map { Complex(Double($0.real), Double($0.imaginary)) })
    case .complex128: .complexes(load(Complex<Double>.self))
    }
  }

  /// The elements as real numbers; of complex ones the real part.
  package var reals: [Double] {
    switch numbers {
    case .integers(let values): values.map { Double($0) }
    case .reals(let values): values
    case .complexes(let values): values.map(\.real)
    }
  }

  /// The elements as integers, cut off towards zero.
  package var integers: [Int] {
    switch numbers {
    case .integers(let values): values
    case .reals(let values): values.map { Scalar.float($0).int }
    case .complexes(let values): values.map { Scalar.float($0.real).int }
    }
  }

  /// The elements as complex numbers.
  package var complexes: [Complex<Double>] {
    if case .complexes(let values) = numbers { return values }
    return reals.map { Complex($0) }
  }

  /// Stores numbers, converted as `Tensor.to` converts them: rounded, cut off, or wrapped.
  package func store(_ numbers: ReferenceNumbers) {
    if dtype == .bool {
      switch numbers {
      case .integers(let values): store(values.map { UInt8($0 != 0 ? 1 : 0) })
      case .reals(let values): store(values.map { UInt8($0 != 0 ? 1 : 0) })
      case .complexes(let values): store(values.map { UInt8($0.real != 0 || $0.imaginary != 0 ? 1 : 0) })
      }
      return
    }
    func reals() -> [Double] {
      switch numbers {
      case .integers(let values): values.map { Double($0) }
      case .reals(let values): values
      case .complexes(let values): values.map(\.real)
      }
    }
    func integers() -> [Int] {
      if case .integers(let values) = numbers { return values }
      return reals().map { Scalar.float($0).int }
    }
    func complexes() -> [Complex<Double>] {
      if case .complexes(let values) = numbers { return values }
      return reals().map { Complex($0) }
    }
    switch dtype {
    case .bool: break
    case .uint8: store(integers().map { UInt8(truncatingIfNeeded: $0) })
    case .int8: store(integers().map { Int8(truncatingIfNeeded: $0) })
    case .int16: store(integers().map { Int16(truncatingIfNeeded: $0) })
    case .int32: store(integers().map { Int32(truncatingIfNeeded: $0) })
    case .int64, .uint64: store(integers())
    case .uint16: store(integers().map { UInt16(truncatingIfNeeded: $0) })
    case .uint32: store(integers().map { UInt32(truncatingIfNeeded: $0) })
    case .float8E4M3FN: store(reals().map { Float8E4M3FN(Float($0)) })
    case .float8E5M2: store(reals().map { Float8E5M2(Float($0)) })
    case .complex32: store(complexes().map { Complex(Float16($0.real), Float16($0.imaginary)) })
    case .float16: store(reals().map { Float16($0) })
    case .bfloat16: store(reals().map { BFloat16(Float($0)) })
    case .float32: store(reals().map { Float($0) })
    case .float64: store(reals())
    case .complex64: store(complexes().map { Complex(Float($0.real), Float($0.imaginary)) })
    case .complex128: store(complexes())
    }
  }

  /// Copies elements of `source`, of the same dtype, by their places in row-major order.
  package func gather(_ source: ReferenceArray, _ places: [Int]) {
    let from = source.offsets
    let size = dtype.byteSize
    for (offset, place) in zip(offsets, places) {
      (base + offset * size).copyMemory(from: source.base + from[place] * size, byteCount: size)
    }
  }
}
