import CKernels

/// Running sums and their like along one dimension.
public enum Scan {
  /// What runs; the numbers are those of CKernels.
  public enum Kind: UInt32, Sendable {
    case sum, product, maximum, minimum, logSumExp
  }

  /// Scans dimension `dim` of the packed array `x` into `y`, from the end if `reverse`; `indices` as torch.cummax.
  public static func run(
    _ kind: Kind, _ x: UnsafeMutableRawPointer, _ dtype: DType, shape: Shape, dim: Int, reverse: Bool = false,
    into y: UnsafeMutableRawPointer, _ out: DType, indices: UnsafeMutablePointer<Int64>? = nil
  ) {
    let lines = Lines(shape, dim)
    lines.forEachChunk { range in
      (reverse ? fb_scan_reversed : fb_scan)(
        fb_scan_op(kind.rawValue), x, fb_dtype(dtype.rawValue), y, fb_dtype(out.rawValue), indices,
        Int64(lines.outer), Int64(lines.n), Int64(lines.inner), Int64(range.lowerBound), Int64(range.upperBound))
    }
  }

  /// s[i] = b[i] + a[i] · s[i − 1] along `dim`, or with `reverse` s[i] = b[i] + a[i] · s[i + 1]; with `neighbour` the
  /// factor is that of the place s comes from. All packed, of one floating point or complex dtype.
  public static func linear(
    _ a: UnsafeMutableRawPointer, _ b: UnsafeMutableRawPointer, into s: UnsafeMutableRawPointer, _ dtype: DType,
    shape: Shape, dim: Int, reverse: Bool, neighbour: Bool
  ) {
    let lines = Lines(shape, dim)
    func run<T: WideningElement>(_ type: T.Type) {
      let a = a.assumingMemoryBound(to: T.self)
      let b = b.assumingMemoryBound(to: T.self)
      let s = s.assumingMemoryBound(to: T.self)
      lines.forEachChunk { range in
        for line in range {
          let start = line / lines.inner * lines.n * lines.inner + line % lines.inner
          let step = reverse ? -lines.inner : lines.inner
          var i = reverse ? start + (lines.n - 1) * lines.inner : start
          var value = T.Wide.zero
          for k in 0..<lines.n {
            let factor = k == 0 ? T.Wide.zero : a[neighbour ? i - step : i].wide
            value = k == 0 ? b[i].wide : T.Wide.fused(factor, value, b[i].wide)
            s[i] = T(wide: value)
            i += step
          }
        }
      }
    }
    switch dtype {
    case .float16: run(Float16.self)
    case .bfloat16: run(BFloat16.self)
    case .float32: run(Float.self)
    case .float64: run(Double.self)
    case .complex64: run(Complex<Float>.self)
    case .complex128: run(Complex<Double>.self)
    case .bool, .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32, .uint64, .float8E4M3FN, .float8E5M2,
      .complex32:
      preconditionFailure("linear recurrence of \(dtype)")
    }
  }
}

/// A packed array seen as outer · inner lines of n elements.
public struct Lines: Sendable {
  public let outer: Int
  public let n: Int
  public let inner: Int

  public init(_ shape: Shape, _ dim: Int) {
    outer = shape[..<dim].reduce(1, *)
    n = shape.isEmpty ? 1 : shape[dim]
    inner = shape.isEmpty ? 1 : shape[(dim + 1)...].reduce(1, *)
  }

  public var count: Int { outer * inner }

  /// Calls `body` with ranges of lines, in parallel if there is much to do.
  public func forEachChunk(_ body: (Range<Int>) -> Void) {
    let least = 32768 / Swift.max(n, 1)
    ThreadPool.run(count: count, grain: inner == 1 ? Swift.max(1, least) : Swift.max(64, least), body)
  }
}
