import Flameback
import FlamebackKernels

/// How a result that is defined up to factors or order was brought to the expected form.
struct Alignment {
  /// The element of the result for each position; nil if the order stays.
  private var order: [Int]?
  /// For each position the factor of its column or row; complex.
  private var factors: [(Double, Double)]?

  /// Columns (rows) times the factor of absolute value 1 that aligns them with the expected ones.
  init(factorsOf found: HostArray, to wanted: HostArray, byRows: Bool) {
    let shape = wanted.shape
    let columns = shape.last ?? 1
    let rows = shape.count > 1 ? shape[shape.count - 2] : 1
    var factors = Array(repeating: (1.0, 0.0), count: wanted.count)
    for matrix in 0..<(wanted.count / max(rows * columns, 1)) {
      for line in 0..<(byRows ? rows : columns) {
        let members = (0..<(byRows ? columns : rows)).map {
          matrix * rows * columns + (byRows ? line * columns + $0 : $0 * columns + line)
        }
        var sum = (0.0, 0.0)  // conj(found) * wanted
        for i in members {
          let (a, b) = (found.real[i], wanted.real[i])
          guard found.isComplex else {
            sum.0 += a * b
            continue
          }
          let (x, y) = (found.imaginary[i], wanted.imaginary[i])
          sum.0 += a * b + x * y
          sum.1 += a * y - x * b
        }
        let size = (sum.0 * sum.0 + sum.1 * sum.1).squareRoot()
        let factor = size > 0 && size.isFinite ? (sum.0 / size, sum.1 / size) : (1, 0)
        for i in members { factors[i] = factor }
      }
    }
    self.factors = factors
  }

  /// Along the last dimension, each expected element matched with another element of the result.
  init(orderOf found: HostArray, like wanted: HostArray, rtol: Double, atol: Double, place: String) throws {
    let size = max(wanted.shape.last ?? 1, 1)
    var order = Array(0..<wanted.count)
    for start in stride(from: 0, to: wanted.count, by: size) {
      var free = Array(start..<(start + size))
      for i in start..<(start + size) {
        guard let k = free.firstIndex(where: { found.matches($0, wanted, i, rtol: rtol, atol: atol) }) else {
          throw Mismatch("\(place) has no element for the expected \(wanted.text(i))")
        }
        order[i] = free.remove(at: k)
      }
    }
    self.order = order
  }

  func aligned(_ found: HostArray) -> HostArray {
    var result = found
    if let order { result = found.gathered(order, shape: found.shape) }
    guard let factors else { return result }
    for (i, factor) in factors.enumerated() {
      guard result.isComplex else {
        result.real[i] *= factor.0
        continue
      }
      let (a, b) = (result.real[i], result.imaginary[i])
      result.real[i] = a * factor.0 - b * factor.1
      result.imaginary[i] = a * factor.1 + b * factor.0
    }
    return result
  }

  /// The cotangent of the result as it is, from that of the aligned one: times conj(factor), in the result's order.
  func unaligned(_ cotangent: Tensor) throws -> Tensor {
    var array = try HostArray(cotangent)
    if let factors, factors.count == array.count {
      for (i, factor) in factors.enumerated() {
        guard array.isComplex else {
          array.real[i] *= factor.0
          continue
        }
        let (a, b) = (array.real[i], array.imaginary[i])
        array.real[i] = a * factor.0 + b * factor.1
        array.imaginary[i] = b * factor.0 - a * factor.1
      }
    }
    if let order {
      var inverse = order
      for (i, source) in order.enumerated() { inverse[source] = i }
      array = array.gathered(inverse, shape: array.shape)
    }
    return array.tensor(like: cotangent)
  }
}
