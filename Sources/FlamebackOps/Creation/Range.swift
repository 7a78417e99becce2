import FlamebackCore
import FlamebackKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Tensor {
  /// 0, 1, … before `end`. SeeAlso: torch.arange
  public static func arange(
    _ end: some ScalarConvertible, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor { arange(0, end, dtype: dtype, device: device, requiresGrad: requiresGrad) }

  /// `start`, `start + step`, … before `end`: int64 if all are integers, else the default floating point type.
  /// SeeAlso: torch.arange
  public static func arange(
    _ start: some ScalarConvertible, _ end: some ScalarConvertible, _ step: some ScalarConvertible = 1,
    dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor {
    let (start, end, step) = (start.scalar, end.scalar, step.scalar)
    let isFloating = [start, end, step].contains { $0.category >= .floating }
    let dtype = dtype ?? (isFloating ? Context.defaultDType : .int64)
    return attempt(.poisoned(TensorSpec(shape: [0], dtype: dtype))) { () throws(OpError) in
      guard step.double != 0 else { throw OpError("arange", "step must not be zero") }
      guard start.double.isFinite, end.double.isFinite, step.double.isFinite else {
        throw OpError("arange", "unsupported range: \(start.double) -> \(end.double)")
      }
      guard step.double > 0 ? start.double <= end.double : start.double >= end.double else {
        throw OpError(
          "arange", "bounds and the sign of the step disagree: \(start.double), \(end.double), \(step.double)")
      }
      let count: Int
      if !isFloating {
        let stride = step.int
        let distance = CheckedInt(end.int) - start.int
        count = try sized("arange") { (distance + stride - (stride > 0 ? 1 : -1)) / stride }
      } else {
        let size = ((end.double - start.double) / step.double).rounded(.up)
        guard size < 0x1p48 else { throw OpError("arange", "the range has too many elements: \(size)") }
        count = Int(size)
      }
      let target = TensorSpec(shape: [count], dtype: dtype)
      let host = try uninitialized(target, op: "arange")
      let out = host.hostView
      if dtype.isFloatingPoint || dtype.isComplex {
        fillDoubles(out) { start.double + step.double * Double($0) }
      } else {
        let (first, stride) = (start.int, step.int)
        fillIntegers(out) { first &+ stride &* $0 }
      }
      return host.finished(device, requiresGrad)
    }
  }

  /// `start`, `start + step`, … up to and including `end`, in the default floating point type. SeeAlso: torch.range
  public static func range(
    _ start: Double, _ end: Double, _ step: Double = 1, dtype: DType? = nil, device: Device? = nil
  ) -> Tensor {
    let count = ((end - start) / step).rounded(.down) + 1
    guard step != 0, count >= 1, count < 0x1p48 else {
      return fail("range", "bounds and step disagree: \(start), \(end), \(step)")
    }
    let last = start + (count - 0.5) * step
    return arange(start, last, step, dtype: dtype, device: device)
  }

  /// `steps` numbers from `start` to `end`, both included, evenly spaced. SeeAlso: torch.linspace
  public static func linspace(
    _ start: some ScalarConvertible, _ end: some ScalarConvertible, _ steps: Int, dtype: DType? = nil,
    device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor {
    spaced("linspace", start.scalar, end.scalar, steps, dtype, device, requiresGrad) { $0 }
  }

  /// `base` to the powers of `linspace`. SeeAlso: torch.logspace
  public static func logspace(
    _ start: some ScalarConvertible, _ end: some ScalarConvertible, _ steps: Int, base: Double = 10,
    dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor {
    spaced("logspace", start.scalar, end.scalar, steps, dtype, device, requiresGrad) { raised(base, $0) }
  }

  // Symmetric: the second half counts from the end. Integers take their step in float32, as PyTorch does.
  private static func spaced(
    _ op: String, _ start: Scalar, _ end: Scalar, _ steps: Int, _ dtype: DType?, _ device: Device?, _ requires: Bool,
    _ map: (Double) -> Double
  ) -> Tensor {
    let isComplex = start.category == .complex || end.category == .complex
    let dtype = dtype ?? (isComplex ? Context.defaultDType.complex : Context.defaultDType)
    return attempt(.poisoned(TensorSpec(shape: [0], dtype: dtype))) { () throws(OpError) in
      guard steps >= 0 else { throw OpError(op, "the number of steps must not be negative, got \(steps)") }
      let host = try uninitialized(TensorSpec(shape: [steps], dtype: dtype), op: op)
      if dtype.isComplex {
        let parts = host.viewAsReal()
        fillDoubles(parts.hostView) { i in
          let (a, b) = i % 2 == 0 ? (start.double, end.double) : (start.imaginary, end.imaginary)
          return between(a, b, i / 2, steps) { a, b, n in (b - a) / n }
        }
        guard op == "linspace" || !isComplex else { throw OpError(op, "takes no complex bounds") }
        if op != "linspace" { fillDoubles(parts.hostView) { i in i % 2 == 0 ? map(parts.loaded(i)) : 0 } }
      } else if dtype.isFloatingPoint {
        let wide = dtype == .float64
        fillDoubles(host.hostView) { i in
          map(
            between(start.double, end.double, i, steps) { a, b, n in
              wide ? (b - a) / n : Double((Float(b) - Float(a)) / Float(n))
            })
        }
      } else {
        let isLog = op == "logspace"
        let (a, b) = isLog ? (start.double, end.double) : (Double(start.int), Double(end.int))
        fillIntegers(host.hostView) { i in
          let value = between(a, b, i, steps) { a, b, n in Double((Float(b) - Float(a)) / Float(n)) }
          return Scalar.float(map(isLog ? Double(Float(value)) : value)).int
        }
      }
      return host.finished(device, requires)
    }
  }

  private static func between(
    _ start: Double, _ end: Double, _ i: Int, _ steps: Int, _ step: (Double, Double, Double) -> Double
  ) -> Double {
    if steps == 1 { return start }
    let width = step(start, end, Double(steps - 1))
    return i < steps / 2 ? start + width * Double(i) : end - width * Double(steps - i - 1)
  }

  private func loaded(_ i: Int) -> Double {
    dtype == .float64
      ? hostView.pointer.assumingMemoryBound(to: Double.self)[i]
      : Double(hostView.pointer.assumingMemoryBound(to: Float.self)[i])
  }

  /// Ones on the main diagonal of a matrix, zeros elsewhere. SeeAlso: torch.eye
  public static func eye(
    _ n: Int, _ m: Int? = nil, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor {
    let m = m ?? n
    guard n >= 0, m >= 0 else { return fail("eye", "sizes must not be negative: \(n), \(m)") }
    let host = zeros(n, m, dtype: dtype, device: .cpu)
    if host.isPoisoned { return host }
    let size = Swift.min(n, m)
    if size > 0 { Strided.fill(host.hostView.pointer, host.dtype, [m + 1], over: [size], 1) }
    return host.finished(device, requiresGrad)
  }

  /// A host tensor where the caller asked for it.
  func finished(_ device: Device?, _ requiresGrad: Bool) -> Tensor {
    let placed = to(device ?? Context.defaultDevice)
    return requiresGrad ? placed.requiringGrad() : placed
  }
}

/// Stores numbers computed in double precision, converted as `to` converts them.
func fillDoubles(_ out: HostView, _ value: (Int) -> Double) {
  let count = out.elementCount
  let values = [Double](unsafeUninitializedCapacity: count) { buffer, filled in
    for i in 0..<count { buffer[i] = value(i) }
    filled = count
  }
  values.withUnsafeBytes { bytes in
    guard let base = bytes.baseAddress else { return }
    Strided.copy(
      UnsafeMutableRawPointer(mutating: base), .float64, nil, to: out.pointer, out.dtype, nil, over: [count])
  }
}

/// Stores integers, wrapped to the dtype.
func fillIntegers(_ out: HostView, _ value: (Int) -> Int) {
  let count = out.elementCount
  let values = [Int](unsafeUninitializedCapacity: count) { buffer, filled in
    for i in 0..<count { buffer[i] = value(i) }
    filled = count
  }
  values.withUnsafeBytes { bytes in
    guard let base = bytes.baseAddress else { return }
    Strided.copy(
      UnsafeMutableRawPointer(mutating: base), .int64, nil, to: out.pointer, out.dtype, nil, over: [count])
  }
}

/// C's pow, which the method of that name hides inside a tensor's methods.
private func raised(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
