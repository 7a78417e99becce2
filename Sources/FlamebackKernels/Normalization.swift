import CKernels

/// Layer, group and batch norm on packed arrays; weights and statistics may be missing.
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
    guard dWeight != nil || dBias != nil else {
      rows(count, n) { begin, end in
        fb_layer_norm_backward(g, x, weight, mean, rstd, dx, nil, fb_dtype(dtype.rawValue), rms, Int64(n), begin, end)
      }
      return
    }
    // The number of parts depends on the shape alone, so that the sums do not depend on the number of threads.
    let length = max(1, (count + 15) / 16, 32768 / max(n, 1))
    let parts = max(1, (count + length - 1) / length)
    parameters(parts: parts, n, dWeight, dBias, dtype) { sums in
      ThreadPool.run(count: parts, grain: 1) { range in
        for part in range {
          fb_layer_norm_backward(
            g, x, weight, mean, rstd, dx, sums + part * 2 * n, fb_dtype(dtype.rawValue), rms, Int64(n),
            Int64(part * length), Int64(min(count, (part + 1) * length)))
        }
      }
    }
  }

  /// What `body` adds up in [parts, 2, n] becomes the gradients of the parameters.
  private static func parameters(
    parts: Int, _ n: Int, _ dWeight: UnsafeMutableRawPointer?, _ dBias: UnsafeMutableRawPointer?, _ dtype: DType,
    _ body: (UnsafeMutablePointer<Double>) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: parts * 2 * n) { sums in
      body(sums.baseAddress!)
      fb_norm_parameters(sums.baseAddress!, Int64(parts), Int64(n), dWeight, dBias, fb_dtype(dtype.rawValue))
    }
  }

  /// x [samples, channels, inner], normalised over each of `groups` groups of channels; mean and rstd [samples · groups].
  public static func group(
    _ x: UnsafeMutableRawPointer, weight: UnsafeMutableRawPointer?, bias: UnsafeMutableRawPointer?,
    into y: UnsafeMutableRawPointer, mean: UnsafeMutableRawPointer, rstd: UnsafeMutableRawPointer, _ dtype: DType,
    eps: Double, samples: Int, channels: Int, groups: Int, inner: Int
  ) {
    rows(samples * groups, channels / groups * inner) { begin, end in
      fb_group_norm(
        x, weight, bias, y, mean, rstd, fb_dtype(dtype.rawValue), eps, Int64(channels), Int64(groups), Int64(inner),
        begin, end)
    }
  }

  public static func groupGradient(
    _ g: UnsafeMutableRawPointer, _ x: UnsafeMutableRawPointer, weight: UnsafeMutableRawPointer?,
    mean: UnsafeMutableRawPointer, rstd: UnsafeMutableRawPointer, dx: UnsafeMutableRawPointer?,
    dWeight: UnsafeMutableRawPointer?, dBias: UnsafeMutableRawPointer?, _ dtype: DType, samples: Int, channels: Int,
    groups: Int, inner: Int
  ) {
    parameters(parts: samples, channels, dWeight, dBias, dtype) { sums in
      rows(samples * groups, channels / groups * inner) { begin, end in
        fb_group_norm_backward(
          g, x, weight, mean, rstd, dx, sums, fb_dtype(dtype.rawValue), Int64(channels), Int64(groups), Int64(inner),
          begin, end)
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
