import FlamebackCore
import FlamebackKernels

/// How far apart the samples along a dimension lie.
public enum Spacing: Sendable {
  case uniform(Double)
  /// Their coordinates, a vector.
  case coordinates(Tensor)
}

extension Tensor {
  /// Estimates of the derivatives along `dims` (default: all) by central differences of second order; at the ends by
  /// one-sided ones of order `edgeOrder`. SeeAlso: torch.gradient
  public func gradient(dims: [Int]? = nil, spacing: Double = 1, edgeOrder: Int = 1) -> [Tensor] {
    let spacings = Array(repeating: Spacing.uniform(spacing), count: dims?.count ?? rank)
    return gradient(dims: dims, spacings: spacings, edgeOrder: edgeOrder)
  }

  /// `gradient` with a spacing of its own for each dimension. SeeAlso: torch.gradient
  public func gradient(dims: [Int]? = nil, spacings: [Spacing], edgeOrder: Int = 1) -> [Tensor] {
    let count = dims?.count ?? rank
    return attempt(like: self, count: count) { () throws(OpError) in
      let along = try normalizedDims(dims ?? Array(0..<rank), rank: rank, op: "gradient")
      guard edgeOrder == 1 || edgeOrder == 2 else {
        throw OpError("gradient", "edgeOrder must be 1 or 2, got \(edgeOrder)")
      }
      guard spacings.count == along.count else {
        throw OpError("gradient", "expected a spacing for each of \(along.count) dimensions, got \(spacings.count)")
      }
      var results: [Tensor] = []
      for (i, d) in along.enumerated() {
        guard shape[d] > edgeOrder else {
          throw OpError("gradient", "needs more than \(edgeOrder) elements along dimension \(d): \(spec)")
        }
        results.append(try slope(d, spacings[i], edgeOrder))
      }
      return results
    }
  }

  private func slope(_ d: Int, _ spacing: Spacing, _ edgeOrder: Int) throws(OpError) -> Tensor {
    let n = shape[d]
    func part(_ start: Int, _ length: Int) -> Tensor { narrow(dim: d, start: start, length: length) }
    func at(_ i: Int) -> Tensor { part(i < 0 ? n + i : i, 1) }
    switch spacing {
    case .uniform(let h):
      let inner = (part(2, n - 2) - part(0, n - 2)) / (2 * h)
      if edgeOrder == 1 { return Tensor.cat([(at(1) - at(0)) / h, inner, (at(-1) - at(-2)) / h], dim: d) }
      let first = (at(1) * 4 - at(0) * 3 - at(2)) / (2 * h)
      let last = (at(-1) * 3 - at(-2) * 4 + at(-3)) / (2 * h)
      return Tensor.cat([first, inner, last], dim: d)
    case .coordinates(let points):
      guard points.rank == 1, points.shape[0] == n else {
        throw OpError("gradient", "expected \(n) coordinates, got \(points.spec)")
      }
      let steps = points.diff().reshape([n - 1] + Array(repeating: 1, count: rank - d - 1))
      func step(_ i: Int, _ length: Int = 1) -> Tensor {
        steps.narrow(dim: 0, start: i < 0 ? n - 1 + i : i, length: length)
      }
      // The derivative of the parabola through three neighbours, h and k apart.
      let (h, k) = (step(0, n - 2), step(1, n - 2))
      let inner =
        part(0, n - 2) * (-k / (h * (h + k))) + part(1, n - 2) * ((k - h) / (h * k))
        + part(2, n - 2) * (h / (k * (h + k)))
      if edgeOrder == 1 {
        return Tensor.cat([(at(1) - at(0)) / step(0), inner, (at(-1) - at(-2)) / step(-1)], dim: d)
      }
      let (h0, k0) = (step(0), step(1))
      let first =
        at(0) * (-(h0 * 2 + k0) / (h0 * (h0 + k0))) + at(1) * ((h0 + k0) / (h0 * k0))
        - at(2) * (h0 / (k0 * (h0 + k0)))
      let (h1, k1) = (step(-2), step(-1))
      let last =
        at(-3) * (k1 / (h1 * (h1 + k1))) - at(-2) * ((k1 + h1) / (h1 * k1))
        + at(-1) * ((k1 * 2 + h1) / (k1 * (h1 + k1)))
      return Tensor.cat([first, inner, last], dim: d)
    }
  }

  /// Σ conj(x) y along `dim`, broadcast. SeeAlso: torch.linalg.vecdot
  public func vecdot(_ other: Tensor, dim: Int = -1) -> Tensor {
    guard dtype.isDifferentiable else {
      return fail("vecdot", "needs floating point or complex numbers: \(spec) × \(other.spec)", like: spec)
    }
    guard dtype == other.dtype else {
      return fail("vecdot", "operands of different dtypes: \(spec) × \(other.spec)", like: spec)
    }
    guard let shape = Shape.broadcast(shape, other.shape) else {
      return fail("vecdot", "shapes do not broadcast: \(spec) × \(other.spec)", like: spec)
    }
    return attempt(like: self) { () throws(OpError) in
      let d = try normalizedDim(dim, rank: shape.count, op: "vecdot")
      let rows = conj().expand(shape).movedim(d, -1).unsqueeze(-2)
      let columns = other.expand(shape).movedim(d, -1).unsqueeze(-1)
      return rows.matmul(columns, op: "vecdot").squeeze(-1).squeeze(-1)
    }
  }
}
