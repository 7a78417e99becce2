/// How a tensor's elements lie in its storage: element `i` at `offset + Σ index[d] · strides[d]`, in elements.
public struct Layout: Sendable, Hashable {
  public var shape: Shape
  public var strides: Shape
  public var offset: Int

  public init(shape: Shape, strides: Shape, offset: Int = 0) {
    self.shape = shape
    self.strides = strides
    self.offset = offset
  }

  /// Row-major, from the start of the storage.
  public init(_ shape: Shape) { self.init(shape: shape, strides: shape.contiguousStrides) }

  public var rank: Int { shape.count }
  @inlinable public var elementCount: Int { shape.elementCount }

  /// Row-major without gaps. Dimensions of size 1 may have any stride. SeeAlso: Tensor.is_contiguous
  @inlinable
  public var isContiguous: Bool {
    var expected = 1
    var i = shape.count
    while i > 0 {
      i -= 1
      let size = shape[i]
      if size == 0 { return true }
      if size != 1 && strides[i] != expected { return false }
      if size != 1 { expected &*= size }
    }
    return true
  }

  /// First and one-past-last storage element that the view touches.
  public var storageRange: Range<Int> {
    var low = offset
    var high = offset
    for i in 0..<shape.count {
      if shape[i] == 0 { return offset..<offset }
      let reach = (shape[i] - 1) * strides[i]
      if reach < 0 { low += reach } else { high += reach }
    }
    return low..<(high + 1)
  }

  /// True if two indices may name the same element (an expanded or overlapping view). Conservative.
  public var mayOverlap: Bool {
    let dims = (0..<rank).filter { shape[$0] > 1 }.sorted { abs(strides[$0]) < abs(strides[$1]) }
    var reach = 0
    for d in dims {
      if abs(strides[d]) <= reach { return true }
      reach += (shape[d] - 1) * abs(strides[d])
    }
    return false
  }

  /// The view with `shape`, its new leading dimensions and those of size 1 repeated by stride 0; nil if it does not fit.
  public func expanded(to target: Shape) -> Layout? {
    let extra = target.count - rank
    if extra < 0 { return nil }
    var result = Layout(shape: target, strides: Shape(repeating: 0, count: target.count), offset: offset)
    for i in 0..<rank {
      if shape[i] == target[i + extra] {
        result.strides[i + extra] = strides[i]
      } else if shape[i] != 1 {
        return nil
      }
    }
    return result
  }

  public func transposed(_ a: Int, _ b: Int) -> Layout {
    var result = self
    result.shape.swapAt(a, b)
    result.strides.swapAt(a, b)
    return result
  }

  public func permuted(_ order: [Int]) -> Layout {
    Layout(shape: Shape(order.map { shape[$0] }), strides: Shape(order.map { strides[$0] }), offset: offset)
  }

  /// The same elements in row-major order as a view of another shape; nil where only a copy can do it.
  /// The rule of PyTorch's `computeStride`: each run of dimensions that lie side by side may be cut anew.
  public func reshaped(to target: Shape) -> Layout? {
    if isContiguous { return Layout(shape: target, strides: target.contiguousStrides, offset: offset) }
    if elementCount == 0 { return Layout(shape: target, strides: target.contiguousStrides, offset: offset) }
    var result = Shape(repeating: 0, count: target.count)
    var view = target.count - 1
    var chunkStride = rank > 0 ? strides[rank - 1] : 1
    var chunk = 1
    var viewed = 1
    for d in (0..<rank).reversed() {
      chunk *= shape[d]
      if d == 0 || (shape[d - 1] != 1 && strides[d - 1] != chunk * chunkStride) {
        while view >= 0 && (viewed < chunk || target[view] == 1) {
          result[view] = viewed * chunkStride
          viewed *= target[view]
          view -= 1
        }
        if viewed != chunk { return nil }
        if d > 0 {
          chunkStride = strides[d - 1]
          chunk = 1
          viewed = 1
        }
      }
    }
    return view == -1 ? Layout(shape: target, strides: result, offset: offset) : nil
  }
}
