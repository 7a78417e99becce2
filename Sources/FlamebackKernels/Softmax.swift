import CKernels

/// Softmax and log-softmax along one dimension of packed arrays.
public enum Softmax {
  public static func forward(
    _ x: UnsafeMutableRawPointer, into y: UnsafeMutableRawPointer, _ dtype: DType, log: Bool, shape: Shape, dim: Int
  ) {
    let lines = Lines(shape, dim)
    lines.forEachChunk { range in
      fb_softmax(
        x, y, fb_dtype(dtype.rawValue), log, Int64(lines.outer), Int64(lines.n), Int64(lines.inner),
        Int64(range.lowerBound), Int64(range.upperBound))
    }
  }

  /// The gradient from the output `y` and its gradient `g`.
  public static func backward(
    _ y: UnsafeMutableRawPointer, _ g: UnsafeMutableRawPointer, into dx: UnsafeMutableRawPointer, _ dtype: DType,
    log: Bool, shape: Shape, dim: Int
  ) {
    let lines = Lines(shape, dim)
    lines.forEachChunk { range in
      fb_softmax_backward(
        y, g, dx, fb_dtype(dtype.rawValue), log, Int64(lines.outer), Int64(lines.n), Int64(lines.inner),
        Int64(range.lowerBound), Int64(range.upperBound))
    }
  }
}
