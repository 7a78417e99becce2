import CKernels

/// Values that a rank or a frequency picks from each line along a dimension, and where they were.
public enum OrderStatistics {
  public enum Kind: Sendable {
    case median, nanMedian, mode
  }

  public static func run(
    _ kind: Kind, _ x: UnsafeMutableRawPointer, _ dtype: DType, shape: Shape, dim: Int,
    values: UnsafeMutableRawPointer, indices: UnsafeMutablePointer<Int64>
  ) {
    let lines = Lines(shape, dim)
    let (outer, n, inner) = (Int64(lines.outer), Int64(lines.n), Int64(lines.inner))
    let type = fb_dtype(dtype.rawValue)
    lines.forEachChunk { range in
      let (begin, end) = (Int64(range.lowerBound), Int64(range.upperBound))
      switch kind {
      case .mode: fb_mode(type, x, outer, n, inner, values, indices, begin, end)
      case .median, .nanMedian:
        fb_median(type, x, outer, n, inner, kind == .nanMedian, values, indices, begin, end)
      }
    }
  }
}
