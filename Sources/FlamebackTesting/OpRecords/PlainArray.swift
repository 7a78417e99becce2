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

  /// The shape to which all broadcast.
  public static func broadcastShape(_ arrays: [PlainArray]) -> [Int] {
    let rank = arrays.map(\.rank).max() ?? 0
    return (0..<rank).map { d in
      let sizes = arrays.compactMap { $0.rank - rank + d >= 0 ? $0.shape[$0.rank - rank + d] : nil }
      return sizes.first { $0 != 1 } ?? 1
    }
  }

  public func map(_ f: (Double) -> Double) -> PlainArray { PlainArray(shape, values.map(f)) }

  /// Of the elements that broadcasting puts together: one.
  public static func broadcast(_ arrays: [PlainArray], _ f: ([Double]) -> Double) -> PlainArray {
    let shape = broadcastShape(arrays)
    let places = arrays.map { array in
      let missing = shape.count - array.rank
      let strides = zip(array.shape, array.strides).map { $0 == 1 ? 0 : $1 }
      return offsets(shape, [Int](repeating: 0, count: missing) + strides)
    }
    let count = shape.reduce(1, *)
    return PlainArray(shape, (0..<count).map { k in f(arrays.indices.map { arrays[$0].values[places[$0][k]] }) })
  }

  /// The element that broadcasting puts at `index` of a larger shape.
  public func broadcast(_ index: [Int]) -> Double {
    self[zip(index.suffix(rank), shape).map { $1 == 1 ? 0 : $0 }]
  }

  private var strides: [Int] { shape.indices.map { shape[($0 + 1)...].reduce(1, *) } }

  /// The positions of all elements of a strided array, in row-major order.
  private static func offsets(_ shape: [Int], _ strides: [Int]) -> [Int] {
    zip(shape, strides).reduce([0]) { found, dim in
      found.flatMap { base in (0..<dim.0).map { base + $0 * dim.1 } }
    }
  }

  /// The positions of the groups that `dims` form, and within each of them.
  private func groups(_ dims: [Int]) -> (starts: [Int], steps: [Int]) {
    let outer = shape.indices.filter { !dims.contains($0) }
    return (
      PlainArray.offsets(outer.map { shape[$0] }, outer.map { strides[$0] }),
      PlainArray.offsets(dims.map { shape[$0] }, dims.map { strides[$0] })
    )
  }

  /// The groups of elements along `dims` become one element each.
  public func reduced(_ dims: [Int], keepDim: Bool = false, _ f: ([Double]) -> Double) -> PlainArray {
    let dims = dims.map { $0 < 0 ? $0 + rank : $0 }
    let (starts, steps) = groups(dims)
    let result = shape.indices.compactMap { dims.contains($0) ? (keepDim ? 1 : nil) : shape[$0] }
    return PlainArray(result, starts.map { start in f(steps.map { values[start + $0] }) })
  }

  /// Every line along `dim` is replaced by another, of any one length.
  public func lines(_ dim: Int, length: Int? = nil, _ f: ([Double]) -> [Double]) -> PlainArray {
    let dim = dim < 0 ? dim + rank : dim
    var result = shape
    result[dim] = length ?? shape[dim]
    var array = PlainArray(result, [Double](repeating: 0, count: result.reduce(1, *)))
    let (starts, steps) = groups([dim])
    let (targets, places) = array.groups([dim])
    for (start, target) in zip(starts, targets) {
      for (k, value) in f(steps.map { values[start + $0] }).enumerated() { array.values[target + places[k]] = value }
    }
    return array
  }

  public func permuted(_ dims: [Int]) -> PlainArray {
    let places = PlainArray.offsets(dims.map { shape[$0] }, dims.map { strides[$0] })
    return PlainArray(dims.map { shape[$0] }, places.map { values[$0] })
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
