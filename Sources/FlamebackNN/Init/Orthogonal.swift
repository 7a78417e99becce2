import FlamebackCore
import FlamebackKernels
import FlamebackOps

extension Init {
  /// A random orthogonal matrix (of the first dimension and the rest). SeeAlso: torch.nn.init.orthogonal_
  public static func orthogonal(_ tensor: inout Tensor, gain: Double = 1, generator: Generator? = nil) {
    guard tensor.rank >= 2 else {
      return report(OpError("orthogonal", "expected at least 2 dimensions, got \(tensor.spec)"))
    }
    let spec = tensor.spec
    if spec.shape.elementCount == 0 { return }
    let draws = Draw.normal(spec, 0, 1, generator)
    if spec.dtype == .float64 {
      tensor = orthogonalized(draws, draws.scalars(Double.self), gain)
    } else {
      tensor = orthogonalized(draws, draws.scalars(Float.self), Float(gain))
    }
  }

  private static func orthogonalized<T: BinaryFloatingPoint & TensorElement>(
    _ draws: Tensor, _ elements: [T], _ gain: T
  ) -> Tensor {
    let rows = draws.shape[0]
    let columns = elements.count / rows
    let isWide = rows < columns
    var q = HouseholderQR(count: min(rows, columns), length: max(rows, columns)) { row, column in
      elements[isWide ? column * columns + row : row * columns + column]
    }
    q.multiplyOut()
    var result = elements
    for k in 0..<min(rows, columns) {
      // Signs such that the diagonal of R is positive: then Q is distributed uniformly.
      let sign: T = q.diagonal[k] < 0 ? -1 : q.diagonal[k] > 0 ? 1 : 0
      for i in 0..<max(rows, columns) {
        result[isWide ? k * columns + i : i * columns + k] = q.columns[k][i] * sign * gain
      }
    }
    return Tensor(result, shape: draws.shape, dtype: draws.dtype, device: draws.device)
  }
}

/// QR by Householder reflections in the order of LAPACK's unblocked routines (`geqr2`, `org2r`), whose rounding
/// PyTorch's initial values of small matrices show.
private struct HouseholderQR<T: BinaryFloatingPoint> {
  private(set) var columns: [[T]]
  /// Of R.
  private(set) var diagonal: [T]
  private var factors: [T]

  init(count: Int, length: Int, _ element: (_ row: Int, _ column: Int) -> T) {
    columns = (0..<count).map { k in (0..<length).map { element($0, k) } }
    diagonal = Array(repeating: 0, count: count)
    factors = Array(repeating: 0, count: count)
    for k in 0..<count {
      let alpha = columns[k][k]
      var square: T = 0
      for i in (k + 1)..<max(length, k + 1) { square += columns[k][i] * columns[k][i] }
      let norm = square.squareRoot()
      if norm == 0 {
        diagonal[k] = alpha
        continue
      }
      let large = max(abs(alpha), norm)
      let ratio = min(abs(alpha), norm) / large
      let length2 = large * (1 + ratio * ratio).squareRoot()
      let beta = alpha < 0 ? length2 : -length2
      factors[k] = (beta - alpha) / beta
      for i in (k + 1)..<length { columns[k][i] /= alpha - beta }
      columns[k][k] = 1
      reflect(k)
      diagonal[k] = beta
    }
  }

  /// Applies reflection `k` to the columns behind it.
  private mutating func reflect(_ k: Int) {
    let v = columns[k]
    for j in (k + 1)..<max(columns.count, k + 1) {
      var overlap: T = 0
      for i in k..<v.count { overlap += columns[j][i] * v[i] }
      let step = factors[k] * overlap
      for i in k..<v.count { columns[j][i] -= v[i] * step }
    }
  }

  /// Replaces the reflections by the columns of Q.
  mutating func multiplyOut() {
    for k in columns.indices.reversed() {
      columns[k][k] = 1
      reflect(k)
      for i in (k + 1)..<max(columns[k].count, k + 1) { columns[k][i] *= -factors[k] }
      columns[k][k] = 1 - factors[k]
      for i in 0..<k { columns[k][i] = 0 }
    }
  }
}
