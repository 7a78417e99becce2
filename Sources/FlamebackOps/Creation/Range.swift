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
      let target = TensorSpec(shape: [count], dtype: dtype, device: device ?? Context.defaultDevice)
      return Primitives.Arange(start: start, step: step, spec: target).made(requiresGrad: requiresGrad)
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
    spaced(start.scalar, end.scalar, steps, base: nil, dtype, device, requiresGrad)
  }

  /// `base` to the powers of `linspace`. SeeAlso: torch.logspace
  public static func logspace(
    _ start: some ScalarConvertible, _ end: some ScalarConvertible, _ steps: Int, base: Double = 10,
    dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor {
    spaced(start.scalar, end.scalar, steps, base: base, dtype, device, requiresGrad)
  }

  private static func spaced(
    _ start: Scalar, _ end: Scalar, _ steps: Int, base: Double?, _ dtype: DType?, _ device: Device?, _ requires: Bool
  ) -> Tensor {
    let op = base == nil ? "linspace" : "logspace"
    let isComplex = start.category == .complex || end.category == .complex
    let dtype = dtype ?? (isComplex ? Context.defaultDType.complex : Context.defaultDType)
    guard steps >= 0 else { return fail(op, "the number of steps must not be negative, got \(steps)") }
    guard base == nil || !isComplex else { return fail(op, "takes no complex bounds") }
    let spec = TensorSpec(shape: [steps], dtype: dtype, device: device ?? Context.defaultDevice)
    return Primitives.Spaced(start: start, end: end, base: base, spec: spec).made(requiresGrad: requires)
  }

  /// Ones on the main diagonal of a matrix, zeros elsewhere. SeeAlso: torch.eye
  public static func eye(
    _ n: Int, _ m: Int? = nil, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) -> Tensor {
    let m = m ?? n
    guard n >= 0, m >= 0 else { return fail("eye", "sizes must not be negative: \(n), \(m)") }
    let spec = TensorSpec(
      shape: [n, m], dtype: dtype ?? Context.defaultDType, device: device ?? Context.defaultDevice)
    return Primitives.Identity(spec: spec).made(requiresGrad: requiresGrad)
  }
}

extension Primitives {
  /// start, start + step, …
  package struct Arange: Creation {
    package static let name = "arange"
    package let start: Scalar
    package let step: Scalar
    package let spec: TensorSpec

    package func fill(_ out: HostView) {
      if out.dtype.isFloatingPoint || out.dtype.isComplex {
        let (first, stride) = (start.double, step.double)
        fillDoubles(out) { first + stride * Double($0) }
      } else {
        let (first, stride) = (start.int, step.int)
        fillIntegers(out) { first &+ stride &* $0 }
      }
    }
  }
}

extension Primitives {
  /// Numbers from `start` to `end` in equal steps; with a base its powers.
  ///
  /// Symmetric: the second half counts from the end. Integers take their step in float32, as PyTorch does.
  package struct Spaced: Creation {
    package static let name = "linspace"
    package let start: Scalar
    package let end: Scalar
    package let base: Double?
    package let spec: TensorSpec

    package var name: String { base == nil ? "linspace" : "logspace" }

    package func fill(_ out: HostView) {
      let steps = spec.shape[0]
      let map: (Double) -> Double = { value in base.map { raised($0, value) } ?? value }
      if out.dtype.isComplex {
        let parts = HostView(
          pointer: out.pointer, dtype: out.dtype.real, shape: [steps, 2], strides: [2, 1])
        fillDoubles(parts) { i in
          let isReal = i % 2 == 0
          let (a, b) = isReal ? (start.double, end.double) : (start.imaginary, end.imaginary)
          let value = between(a, b, i / 2, steps) { a, b, n in (b - a) / n }
          return base == nil ? value : isReal ? map(parts.dtype == .float64 ? value : Double(Float(value))) : 0
        }
      } else if out.dtype.isFloatingPoint {
        let wide = out.dtype == .float64
        fillDoubles(out) { i in
          map(
            between(start.double, end.double, i, steps) { a, b, n in
              wide ? (b - a) / n : Double((Float(b) - Float(a)) / Float(n))
            })
        }
      } else {
        let (a, b) = base != nil ? (start.double, end.double) : (Double(start.int), Double(end.int))
        fillIntegers(out) { i in
          let value = between(a, b, i, steps) { a, b, n in Double((Float(b) - Float(a)) / Float(n)) }
          return Scalar.float(map(base != nil ? Double(Float(value)) : value)).int
        }
      }
    }

    private func between(
      _ start: Double, _ end: Double, _ i: Int, _ steps: Int, _ step: (Double, Double, Double) -> Double
    ) -> Double {
      if steps == 1 { return start }
      let width = step(start, end, Double(steps - 1))
      return i < steps / 2 ? start + width * Double(i) : end - width * Double(steps - i - 1)
    }
  }
}

extension Primitives {
  /// Ones on the main diagonal of a matrix, zeros elsewhere.
  package struct Identity: Creation {
    package static let name = "eye"
    package let spec: TensorSpec

    package func fill(_ out: HostView) {
      Strided.fill(out.pointer, out.dtype, nil, over: spec.shape, 0)
      let size = min(spec.shape[0], spec.shape[1])
      if size > 0 { Strided.fill(out.pointer, out.dtype, [spec.shape[1] + 1], over: [size], 1) }
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let rows = Tensor.arange(spec.shape[0], device: spec.device).unsqueeze(1)
      return [(rows .== Tensor.arange(spec.shape[1], device: spec.device)).to(spec.dtype)]
    }
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
