import Glibc

extension GeneratorState {
  /// Draws `samples` categories for each of `rows` rows of weights (contiguous), as int64.
  ///
  /// With replacement: cumulative sums in the weights' type (float32 for 16-bit ones), one 53-bit uniform a sample, its
  /// lower bound. Without, and for a single sample: the greatest of `weight / exponential`. SeeAlso: torch.multinomial
  public mutating func fillMultinomial(
    _ out: UnsafeMutablePointer<Int64>, weights: UnsafeRawPointer, dtype: DType, rows: Int, categories: Int,
    samples: Int, replacement: Bool
  ) throws(RandomError) {
    guard replacement || samples <= categories else {
      throw RandomError("cannot draw \(samples) of \(categories) categories without replacement")
    }
    for row in 0..<rows {
      var sum = 0.0
      for j in 0..<categories {
        let weight = loadDouble(weights, row * categories + j, dtype)
        guard weight >= 0 && weight.isFinite else {
          throw RandomError("a weight is negative, infinite or NaN: \(weight)")
        }
        sum += weight
      }
      guard sum > 0 else { throw RandomError("the weights of row \(row) sum to zero") }
    }
    if replacement && samples > 1 {
      for row in 0..<rows {
        let values = (0..<categories).map { loadDouble(weights, row * categories + $0, dtype) }
        let slots = dtype == .float64 ? cumulative(values, Double.self) : cumulative(values, Float.self)
        for j in 0..<samples { out[row * samples + j] = Int64(Self.lowerBound(slots, uniformDouble())) }
      }
      return
    }
    let total = rows * categories
    var keys = [Double](repeating: 0, count: total)
    fillExponential(&keys, count: total, dtype: .float64)
    for i in 0..<total {
      keys[i] = dtype.rounded(loadDouble(weights, i, dtype) / dtype.rounded(keys[i]))
    }
    for row in 0..<rows {
      let range = (row * categories)..<((row + 1) * categories)
      if samples == 1 {
        out[row] = Int64(range.max { keys[$0] < keys[$1] }! - range.lowerBound)
      } else {
        let order = range.sorted { keys[$0] > keys[$1] || (keys[$0] == keys[$1] && $0 < $1) }
        for j in 0..<samples { out[row * samples + j] = Int64(order[j] - range.lowerBound) }
      }
    }
  }

  private func cumulative<T: BinaryFloatingPoint>(_ weights: [Double], _ type: T.Type) -> [Double] {
    var sum: T = 0
    var sums = weights.map { weight in
      sum += T(weight)
      return sum
    }
    for i in sums.indices { sums[i] /= sum }
    sums[sums.count - 1] = 1
    return sums.map { Double($0) }
  }

  private static func lowerBound(_ slots: [Double], _ value: Double) -> Int {
    var low = 0
    var high = slots.count
    while low < high {
      let middle = (low + high) / 2
      if slots[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
