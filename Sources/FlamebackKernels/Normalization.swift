import CKernels

/// Layer and batch norm on packed arrays; weights and statistics may be missing.
public enum Normalization {
  /// The type of mean, variance and 1 / deviation.
  public static func statistics(_ dtype: DType) -> DType { dtype == .float64 ? .float64 : .float32 }

  private static func rows(_ count: Int, _ n: Int, _ body: (Int64, Int64) -> Void) {
    ThreadPool.run(count: count, grain: max(1, 16384 / max(n, 1))) {
      body(Int64($0.lowerBound), Int64($0.upperBound))
    }
  }

  public static func layer(
    _ x: UnsafeMutableRawPointer, weight: UnsafeMutableRawPointer?, bias: UnsafeMutableRawPointer?,
    into y: UnsafeMutableRawPointer, mean: UnsafeMutableRawPointer, rstd: UnsafeMutableRawPointer, _ dtype: DType,
    rms: Bool, eps: Double, rows count: Int, n: Int
  ) {
    rows(count, n) { begin, end in
      fb_layer_norm(
        x, weight, bias, y, rms ? nil : mean, rstd, fb_dtype(dtype.rawValue), rms, eps, Int64(n), begin, end)
    }
  }

  public static func layerGradient(
    _ g: UnsafeMutableRawPointer, _ x: UnsafeMutableRawPointer, weight: UnsafeMutableRawPointer?,
    mean: UnsafeMutableRawPointer, rstd: UnsafeMutableRawPointer, dx: UnsafeMutableRawPointer?,
    dWeight: UnsafeMutableRawPointer?, dBias: UnsafeMutableRawPointer?, _ dtype: DType, rms: Bool, rows count: Int,
    n: Int
  ) {
    let mean = rms ? nil : mean
    if let dx {
      rows(count, n) { begin, end in
        fb_layer_norm_backward(g, x, weight, mean, rstd, dx, fb_dtype(dtype.rawValue), rms, Int64(n), begin, end)
      }
    }
    if dWeight != nil || dBias != nil {
      ThreadPool.run(count: n, grain: max(64, 32768 / max(count, 1))) { range in
        fb_layer_norm_backward_weight(
          g, x, mean, rstd, dWeight, dBias, fb_dtype(dtype.rawValue), rms, Int64(count), Int64(n),
          Int64(range.lowerBound), Int64(range.upperBound))
      }
    }
  }

  /// x [count, channels, inner]; the statistics are those given, or computed here first if `computes`.
  public static func batch(
    _ x: UnsafeMutableRawPointer, mean: UnsafeMutableRawPointer, variance: UnsafeMutableRawPointer, computes: Bool,
    weight: UnsafeMutableRawPointer?, bias: UnsafeMutableRawPointer?, into y: UnsafeMutableRawPointer, _ dtype: DType,
    eps: Double, count: Int, channels: Int, inner: Int
  ) {
    rows(channels, count * inner) { begin, end in
      if computes {
        fb_batch_norm_statistics(
          x, mean, variance, fb_dtype(dtype.rawValue), Int64(count), Int64(channels), Int64(inner), begin, end)
      }
      fb_batch_norm(
        x, mean, variance, weight, bias, y, fb_dtype(dtype.rawValue), eps, Int64(count), Int64(channels),
        Int64(inner), begin, end)
    }
  }

  public static func batchGradient(
    _ g: UnsafeMutableRawPointer, _ x: UnsafeMutableRawPointer, mean: UnsafeMutableRawPointer,
    variance: UnsafeMutableRawPointer, weight: UnsafeMutableRawPointer?, dx: UnsafeMutableRawPointer?,
    dWeight: UnsafeMutableRawPointer?, dBias: UnsafeMutableRawPointer?, _ dtype: DType, training: Bool, eps: Double,
    count: Int, channels: Int, inner: Int
  ) {
    rows(channels, count * inner) { begin, end in
      fb_batch_norm_backward(
        g, x, mean, variance, weight, dx, dWeight, dBias, fb_dtype(dtype.rawValue), training, eps, Int64(count),
        Int64(channels), Int64(inner), begin, end)
    }
  }
}
