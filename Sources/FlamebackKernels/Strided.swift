/// Copies and sums over strided memory, in the elementwise engine.
public enum Strided {
  private static let identity = ElementwiseProgram(
    instructions: [], inputCount: 1, constants: [], outputRegisters: [0])

  /// `target[i] = source[i]` over `shape`, converted if the dtypes differ. Strides nil: packed.
  public static func copy(
    _ source: UnsafeMutableRawPointer, _ sourceDType: DType, _ sourceStrides: Shape?,
    to target: UnsafeMutableRawPointer, _ targetDType: DType, _ targetStrides: Shape?, over shape: Shape
  ) {
    identity.run(
      compute: DType.conversion(from: sourceDType, to: targetDType), shape: shape,
      inputs: [ElementwiseOperand(source, sourceDType, strides: sourceStrides)], parameters: [],
      outputs: [ElementwiseOperand(target, targetDType, strides: targetStrides)])
  }

  /// `target[i] += source[i]` one element after another, so that places which several indices name receive all of them.
  /// Floating point sums of 16 bits are rounded at each step, as a memory cell of that type rounds them.
  public static func accumulate(
    _ source: UnsafeRawPointer, _ sourceStrides: Shape, into target: UnsafeMutableRawPointer, _ targetStrides: Shape,
    over shape: Shape, _ dtype: DType
  ) {
    func add<T>(_ type: T.Type, _ plus: (T, T) -> T) {
      let from = source.assumingMemoryBound(to: T.self)
      let to = target.assumingMemoryBound(to: T.self)
      forEachOffset(shape, sourceStrides, targetStrides) { a, b in to[b] = plus(to[b], from[a]) }
    }
    switch dtype {
    case .bool: add(Bool.self) { $0 || $1 }
    case .uint8: add(UInt8.self, &+)
    case .int8: add(Int8.self, &+)
    case .int16: add(Int16.self, &+)
    case .int32: add(Int32.self, &+)
    case .int64: add(Int64.self, &+)
    case .uint16: add(UInt16.self, &+)
    case .uint32: add(UInt32.self, &+)
    case .uint64: add(UInt64.self, &+)
    case .float8E4M3FN: add(Float8E4M3FN.self) { Float8E4M3FN($0.float + $1.float) }
    case .float8E5M2: add(Float8E5M2.self) { Float8E5M2($0.float + $1.float) }
    case .float16: add(Float16.self) { Float16(Float($0) + Float($1)) }
    case .bfloat16: add(BFloat16.self) { BFloat16($0.float + $1.float) }
    case .float32: add(Float.self, +)
    case .float64: add(Double.self, +)
    case .complex32:
      add(Complex<Float16>.self) {
        Complex(
          Float16(Float($0.real) + Float($1.real)), Float16(Float($0.imaginary) + Float($1.imaginary)))
      }
    case .complex64: add(Complex<Float>.self) { Complex($0.real + $1.real, $0.imaginary + $1.imaginary) }
    case .complex128: add(Complex<Double>.self) { Complex($0.real + $1.real, $0.imaginary + $1.imaginary) }
    }
  }

  /// Calls `body` with the offsets of every index of `shape` under two sets of strides, in row-major order.
  @inline(__always)
  public static func forEachOffset(_ shape: Shape, _ a: Shape, _ b: Shape, _ body: (Int, Int) -> Void) {
    let count = shape.elementCount
    if count == 0 { return }
    var index = [Int](repeating: 0, count: shape.count)
    var i = 0
    var j = 0
    for _ in 0..<count {
      body(i, j)
      var d = shape.count - 1
      while d >= 0 {
        index[d] += 1
        i += a[d]
        j += b[d]
        if index[d] < shape[d] { break }
        i -= a[d] * shape[d]
        j -= b[d] * shape[d]
        index[d] = 0
        d -= 1
      }
    }
  }
}

extension Strided {
  private static let constant = ElementwiseProgram(
    instructions: [], inputCount: 0, constants: [], outputRegisters: [0])

  /// `target[i] = value` over `shape`. Strides nil: packed.
  public static func fill(
    _ target: UnsafeMutableRawPointer, _ dtype: DType, _ strides: Shape?, over shape: Shape, _ value: Scalar
  ) {
    let isPacked = strides == nil
    if isPacked && shape.elementCount == 0 { return }
    let compute: DType =
      switch dtype.category {
      case .bool: .int64
      // Beyond Int64 a number is given as a Double.
      case .integer: dtype == .uint64 && value.category == .floating ? .float64 : .int64
      case .floating: .float64
      case .complex: .complex128
      }
    constant.run(
      compute: compute, shape: isPacked ? Shape() : shape, inputs: [], parameters: [value],
      outputs: [ElementwiseOperand(target, dtype, strides: strides)])
    if isPacked { repeatFirst(target, dtype.byteSize, shape.elementCount) }
  }

  /// Copies the first of `count` items over all the others.
  private static func repeatFirst(_ target: UnsafeMutableRawPointer, _ size: Int, _ count: Int) {
    let total = size * count
    let byte = target.load(as: UInt8.self)
    if (0..<size).allSatisfy({ target.load(fromByteOffset: $0, as: UInt8.self) == byte }) {
      let grain = 1 << 18
      return ThreadPool.run(count: total, grain: grain) { range in
        (target + range.lowerBound).initializeMemory(as: UInt8.self, repeating: byte, count: range.count)
      }
    }
    let block = min(total, 4096 / size * size)
    var filled = size
    while filled < block {
      let next = min(filled, block - filled)
      (target + filled).copyMemory(from: target, byteCount: next)
      filled += next
    }
    ThreadPool.run(count: (total + block - 1) / block, grain: 64) { range in
      for i in range where i > 0 {
        (target + i * block).copyMemory(from: target, byteCount: min(block, total - i * block))
      }
    }
  }
}
