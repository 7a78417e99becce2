/// Work on many small matrices, shared out among threads.
public enum MatrixBatch {
  /// Calls `body` with ranges that cover 0..<count; a decomposition of one matrix costs about `size` cubed.
  public static func run(count: Int, size: Int, _ body: (_ begin: Int64, _ end: Int64) -> Void) {
    if count == 0 { return }
    // LAPACK uses all cores for large matrices itself.
    if count == 1 || size >= 512 { return body(0, Int64(count)) }
    let grain = max(1, 200_000 / max(size * size * size, 1))
    ThreadPool.shared.run(count: count, grain: grain) { body(Int64($0.lowerBound), Int64($0.upperBound)) }
  }
}
