/// Reductions over some dimensions of a contiguous array.
public enum Reduction {
  /// Sums over `dims`; the output holds the other dimensions in order.
  public static func sum(
    _ x: UnsafeMutableRawPointer, _ dtype: DType, shape: Shape, dims: [Int], into y: UnsafeMutableRawPointer,
    _ out: DType
  ) {
    switch dtype {
    case .float32:
      sum(x, Float.self, Double.self, shape, dims, y) {
        Double($0)
      } store: {
        Float($0)
      }
    case .float64:
      sum(x, Double.self, Double.self, shape, dims, y) {
        $0
      } store: {
        $0
      }
    case .int64:
      sum(x, Int64.self, Int64.self, shape, dims, y) {
        $0
      } store: {
        $0
      }
    case .float16:
      sum(x, Float16.self, Float.self, shape, dims, y) {
        Float($0)
      } store: {
        Float16($0)
      }
    case .bfloat16:
      sum(x, BFloat16.self, Float.self, shape, dims, y) {
        $0.float
      } store: {
        BFloat16($0)
      }
    default: fatalError("sum of \(dtype)")
    }
  }

  private static func sum<T, A: AdditiveArithmetic>(
    _ x: UnsafeMutableRawPointer, _: T.Type, _: A.Type, _ shape: Shape, _ dims: [Int], _ y: UnsafeMutableRawPointer,
    load: (T) -> A, store: (A) -> T
  ) {
    let kept = (0..<shape.count).filter { !dims.contains($0) }
    let strides = shape.contiguousStrides
    var outStrides = Shape(repeating: 0, count: shape.count)
    var size = 1
    for d in kept.reversed() {
      outStrides[d] = size
      size *= shape[d]
    }
    _ = strides
    var sums = [A](repeating: .zero, count: size)
    let source = x.assumingMemoryBound(to: T.self)
    var index = [Int](repeating: 0, count: shape.count)
    for i in 0..<shape.elementCount {
      var o = 0
      for d in 0..<shape.count { o += index[d] * outStrides[d] }
      sums[o] += load(source[i])
      var d = shape.count - 1
      while d >= 0 {
        index[d] += 1
        if index[d] < shape[d] { break }
        index[d] = 0
        d -= 1
      }
    }
    let target = y.assumingMemoryBound(to: T.self)
    for i in 0..<size { target[i] = store(sums[i]) }
  }
}
