import CKernels

/// Work on many small matrices, shared out among threads.
public enum MatrixBatch {
  /// Calls `body` with ranges that cover 0..<count; a decomposition of one matrix costs about `size` cubed.
  public static func run(count: Int, size: Int, _ body: (_ begin: Int64, _ end: Int64) -> Void) {
    if count == 0 { return }
    // LAPACK uses all cores for large matrices itself; for others one, so that results do not depend on their number.
    if count == 1 || size >= 512 {
      fb_adopt_blas_threads(Int64(size) * Int64(size) * Int64(size))
      return body(0, Int64(count))
    }
    let grain = max(1, 200_000 / max(size * size * size, 1))
    ThreadPool.run(count: count, grain: grain) {
      fb_adopt_blas_threads(0)
      body(Int64($0.lowerBound), Int64($0.upperBound))
    }
  }
}
