import Flameback

/// A dense row-major array of doubles: what references are written in, far from the library's own code.
public struct PlainArray: Sendable {
  public var shape: [Int]
  public var values: [Double]

  public init(_ shape: [Int], _ values: [Double]) {
    precondition(shape.reduce(1, *) == values.count)
    self.shape = shape
    self.values = values
  }

  /// Every element from its index.
  public init(_ shape: [Int], _ element: ([Int]) -> Double) {
    self.init(shape, PlainArray.indices(shape).map(element))
  }

  public var rank: Int { shape.count }
  /// The only element.
  public var item: Double { values[0] }

  /// All indices in row-major order.
  public static func indices(_ shape: [Int]) -> [[Int]] {
    if shape.contains(0) { return [] }
    var result: [[Int]] = []
    var index = [Int](repeating: 0, count: shape.count)
    for _ in 0..<shape.reduce(1, *) {
      result.append(index)
      for d in shape.indices.reversed() {
        index[d] += 1
        if index[d] < shape[d] { break }
        index[d] = 0
      }
    }
    return result
  }

  private func position(_ index: some Collection<Int>) -> Int {
    var flat = 0
    for (i, size) in zip(index, shape) {
      precondition(i >= 0 && i < size, "index \(index) outside \(shape)")
      flat = flat * size + i
    }
    return flat
  }

  public subscript(_ index: [Int]) -> Double {
    get { values[position(index)] }
    set { values[position(index)] = newValue }
  }
  public subscript(_ index: Int...) -> Double {
    get { self[index] }
    set { self[index] = newValue }
  }

  /// The element that broadcasting puts at `index` of a larger shape.
  public func broadcast(_ index: [Int]) -> Double {
    self[zip(index.suffix(rank), shape).map { $1 == 1 ? 0 : $0 }]
  }

  /// The shape to which all broadcast.
  public static func broadcastShape(_ arrays: [PlainArray]) -> [Int] {
    let rank = arrays.map(\.rank).max() ?? 0
    return (0..<rank).map { d in
      let sizes = arrays.compactMap { $0.rank - rank + d >= 0 ? $0.shape[$0.rank - rank + d] : nil }
      return sizes.first { $0 != 1 } ?? 1
    }
  }

  public func map(_ f: (Double) -> Double) -> PlainArray { PlainArray(shape, values.map(f)) }

  /// The groups of elements along `dims` become one element each.
  public func reduced(_ dims: [Int], keepDim: Bool = false, _ f: ([Double]) -> Double) -> PlainArray {
    let dims = dims.map { $0 < 0 ? $0 + rank : $0 }
    let outer = shape.indices.filter { !dims.contains($0) }
    let groups = PlainArray.indices(outer.map { shape[$0] }).map { o in
      PlainArray.indices(dims.map { shape[$0] }).map { i in
        var index = [Int](repeating: 0, count: rank)
        for (d, k) in zip(outer, o) { index[d] = k }
        for (d, k) in zip(dims, i) { index[d] = k }
        return self[index]
      }
    }
    let result = shape.indices.compactMap { dims.contains($0) ? (keepDim ? 1 : nil) : shape[$0] }
    return PlainArray(result, groups.map(f))
  }

  /// Every line along `dim` is replaced by another, of any one length.
  public func lines(_ dim: Int, length: Int? = nil, _ f: ([Double]) -> [Double]) -> PlainArray {
    let dim = dim < 0 ? dim + rank : dim
    var result = shape
    result[dim] = length ?? shape[dim]
    var outer = shape
    outer[dim] = 1
    var array = PlainArray(result, [Double](repeating: 0, count: result.reduce(1, *)))
    for start in PlainArray.indices(outer) {
      func at(_ k: Int) -> [Int] { start.enumerated().map { $0.offset == dim ? k : $0.element } }
      for (k, value) in f((0..<shape[dim]).map { self[at($0)] }).enumerated() { array[at(k)] = value }
    }
    return array
  }

  public func permuted(_ dims: [Int]) -> PlainArray {
    PlainArray(dims.map { shape[$0] }) { index in
      var source = index
      for (k, d) in dims.enumerated() { source[d] = index[k] }
      return self[source]
    }
  }

  public func reshaped(_ shape: [Int]) -> PlainArray { PlainArray(shape, values) }
}

extension PlainArray {
  /// The elements of a tensor; of complex numbers the real (or imaginary) parts.
  init(_ tensor: Tensor, imaginary: Bool = false) throws {
    let host = try HostArray(tensor)
    self.init(host.shape, host.isInteger ? host.ints.map(Double.init) : imaginary ? host.imaginary : host.real)
  }
}
