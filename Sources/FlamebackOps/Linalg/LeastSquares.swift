import CKernels
import FlamebackCore
import FlamebackKernels

/// How `lstsq` solves.
public enum LeastSquaresDriver: String, Sendable {
  /// QR, for matrices of full rank.
  case gels
  /// QR with exchanged columns.
  case gelsy
  /// Singular values, by divide and conquer.
  case gelsd
  /// Singular values.
  case gelss
}

/// What `lstsq` returns; what the driver does not compute is empty.
public struct LeastSquares: Sendable {
  public let solution, residuals, rank, singularValues: Tensor
}

extension Primitives {
  /// x with the least |a x − b|, ranks and singular values.
  package struct LeastSquares: Primitive {
    package static let name = "lstsq"
    package var outputCount: Int { 4 }
    package let driver: LeastSquaresDriver
    package let rcond: Double

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let (a, b) = (inputs[0], inputs[1])
      try a.requireMatrices(name)
      guard a.dtype == b.dtype, a.batch == b.batch, a.rows == b.rows else {
        throw OpError(name, "incompatible matrices: \(a) × \(b)")
      }
      let none = TensorSpec(shape: [0], dtype: .int64, device: a.device)
      let values = driver == .gelsd || driver == .gelss
      return [
        a.matrices(a.columns, b.columns), driver == .gels ? none : a.numbers(.int64),
        values
          ? a.vectors(min(a.rows, a.columns), a.dtype.real)
          : TensorSpec(shape: [0], dtype: a.dtype.real, device: a.device),
      ]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (a, b, x) = (inputs[0], inputs[1], outputs[0])
      let count = a.batchCount
      if a.elementCount == 0 || b.elementCount == 0 {
        for output in outputs { Strided.fill(output.pointer, output.dtype, output.strides, over: output.shape, 0) }
        return
      }
      guard let memory = ScratchMemory(byteCount: count * 4) else { return }
      defer { withExtendedLifetime(memory) {} }
      let info = memory.pointer.assumingMemoryBound(to: Int32.self)
      let number: Int
      switch driver {
      case .gels: number = FB_GELS
      case .gelsy: number = FB_GELSY
      case .gelsd: number = FB_GELSD
      case .gelss: number = FB_GELSS
      }
      let ranks = driver == .gels ? nil : outputs[1].pointer.assumingMemoryBound(to: Int64.self)
      let values = driver == .gelsd || driver == .gelss ? outputs[2].pointer : nil
      MatrixBatch.run(count: count, size: max(a.rows, a.columns)) {
        fb_lstsq(
          a.type, Int32(number), rcond, Int64(a.rows), Int64(a.columns), Int64(b.columns), a.pointer, b.pointer,
          x.pointer, ranks, values, info, $0, $1)
      }
      for i in 0..<count where info[i] != 0 {
        throw OpError(name, "could not be solved: the matrix does not have full rank (element \(info[i]))")
      }
    }

    package var attributes: [(String, String)] { [("driver", driver.rawValue)] }

    /// x = a⁺ b, so b̄ = a⁺ᴴ x̄ and ā is that of a⁺ for x̄ bᴴ (Golub and Pereyra 1973).
    package var gradient: Gradient {
      .pullback(keeps: .inputs) { cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil] }
        let (a, b) = (saved.input(0), saved.input(1))
        let inverse = a.pinv()
        return [
          saved.needs(0) ? pinvGradient(g.matmul(b.adjoint()), a, inverse) : nil, inverse.adjointTimes(g),
        ]
      }
    }
  }
}

/// The gradient of a⁺ (Golub and Pereyra 1973, "The differentiation of pseudo-inverses", eq. 4.12), in the order of
/// products that keeps the intermediate matrices small.
private func pinvGradient(_ g: Tensor, _ a: Tensor, _ inverse: Tensor) -> Tensor {
  let (gh, ph) = (g.adjoint(), inverse.adjoint())
  if a.spec.rows <= a.spec.columns {
    let k = gh.matmul(inverse)
    let kph = k.matmul(ph)
    return kph - inverse.matmul(k).adjoint() - a.matmul(inverse).matmul(kph)
      + ph.matmul(inverse).matmul(gh - k.matmul(a))
  }
  let k = inverse.matmul(gh)
  let phk = ph.matmul(k)
  return (gh - a.matmul(k)).matmul(inverse).matmul(ph) - k.matmul(inverse).adjoint() + phk
    - phk.matmul(inverse).matmul(a)
}

extension Tensor {
  /// The x with the least ‖self x − b‖, of matrices [..., m, n] × [..., m, k] or batches of vectors [..., m].
  /// SeeAlso: torch.linalg.lstsq
  public func lstsq(_ b: Tensor, rcond: Double? = nil, driver: LeastSquaresDriver = .gelsy) -> LeastSquares {
    let results = attempt(like: self, count: 4) { () throws(OpError) in
      let op = "lstsq"
      try spec.requireMatrices(op)
      try Tensor.requireSameDType(self, b, op: op)
      guard b.rank == rank || b.rank == rank - 1 else {
        throw OpError(op, "the right side must have as many dimensions, or one less: \(spec) × \(b.spec)")
      }
      let isVector = b.rank == rank - 1
      let matrix = isVector ? b.unsqueeze(-1) : b
      guard matrix.spec.rows == spec.rows else { throw OpError(op, "incompatible matrices: \(spec) × \(b.spec)") }
      let (a, right) = try Tensor.broadcastMatrices(self, matrix, op: op)
      let (m, n) = (spec.rows, spec.columns)
      let tolerance = rcond ?? dtype.epsilon * Double(Swift.max(m, n))
      let solved = apply(Primitives.LeastSquares(driver: driver, rcond: tolerance), [a, right])
      var residuals = solved[0].real.reshape(-1).narrow(dim: 0, start: 0, length: 0)
      let isFull = driver == .gels || (solved[1] .== n).all().item().bool
      if m > n, driver != .gelsy, isFull {
        residuals = (a.matmul(solved[0]) - right).abs().square().sum(dim: -2)
        if isVector { residuals = residuals.squeeze(-1) }
      }
      return [isVector ? solved[0].squeeze(-1) : solved[0], residuals, solved[1], solved[2]]
    }
    return LeastSquares(solution: results[0], residuals: results[1], rank: results[2], singularValues: results[3])
  }

  /// What counts as zero among singular values: max(atol, rtol · the largest); by default eps · max(m, n) of it.
  fileprivate func tolerance(_ values: Tensor, atol: (any TensorOperand)?, rtol: (any TensorOperand)?) -> Tensor {
    let largest = values.amax(dim: -1)
    func tensor(_ operand: any TensorOperand) -> Tensor {
      switch operand.operand {
      case .tensor(let tensor): tensor.to(largest.dtype)
      case .scalar(let scalar): Tensor.scalar(scalar, dtype: largest.dtype, device: device)
      }
    }
    let zero = Tensor.scalar(0.0, dtype: largest.dtype, device: device)
    let absolute = atol.map(tensor) ?? zero
    let usual = Tensor.scalar(.float(dtype.epsilon * Double(Swift.max(spec.rows, spec.columns))), dtype: largest.dtype)
    var relative = rtol.map(tensor) ?? usual
    // An absolute tolerance stands alone.
    if rtol == nil, atol != nil { relative = FlamebackOps.select(where: absolute .> 0.0, 0.0, usual) }
    return absolute.maximum(relative * largest)
  }

  private func spectrum(_ hermitian: Bool) -> Tensor { hermitian ? eigvalsh().abs() : svdvals() }

  /// The number of singular values above max(atol, rtol · the largest). SeeAlso: torch.linalg.matrix_rank
  public func matrixRank(
    atol: (any TensorOperand)? = nil, rtol: (any TensorOperand)? = nil, hermitian: Bool = false
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try spec.requireMatrices("matrixRank", square: hermitian)
      if elementCount == 0 { return .zeros(spec.batch, dtype: .int64, device: device) }
      let values = withoutHistory.spectrum(hermitian)
      return (values .> tolerance(values, atol: atol, rtol: rtol).unsqueeze(-1)).sum(dim: -1)
    }
  }

  /// Moore and Penrose's inverse; singular values up to max(atol, rtol · the largest) count as zero.
  ///
  /// [..., m, n] → [..., n, m]. SeeAlso: torch.linalg.pinv
  public func pinv(
    atol: (any TensorOperand)? = nil, rtol: (any TensorOperand)? = nil, hermitian: Bool = false
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try spec.requireMatrices("pinv", square: hermitian)
      if elementCount == 0 { return transpose(-2, -1) }
      let zero = Tensor.scalar(0.0, dtype: dtype.real, device: device)
      let (atol, rtol) = (atol?.operand, rtol?.operand)
      let inverse = CustomFunction("pinv") { inputs, context in
        let a = inputs[0]
        var left, values, right: Tensor
        if hermitian {
          (values, left) = a.eigh()
          right = left
        } else {
          let (u, s, vh) = a.svd(fullMatrices: false)
          (left, values, right) = (u, s, vh.adjoint())
        }
        let size = values.abs()
        let isKept = size .> a.tolerance(size, atol: atol, rtol: rtol).unsqueeze(-1)
        let inverses = FlamebackOps.select(where: isKept, values.reciprocal(), zero)
        let result = (right * inverses.unsqueeze(-2)).matmul(left.adjoint())
        context.saved = [a, result]
        return [result]
      } backward: { gradients, context in
        let a = context.saved[0]
        // Recorded again where gradients of gradients are asked for.
        let inverse = Context.isGradEnabled ? a.pinv(atol: atol, rtol: rtol, hermitian: hermitian) : context.saved[1]
        return [gradients[0].map { pinvGradient($0, a, inverse) }]
      }
      return inverse([self])[0]
    }
  }

  /// The condition number: the norm times that of the inverse, by default the ratio of the extreme singular values.
  /// SeeAlso: torch.linalg.cond
  public func cond(_ p: MatrixNorm = .order(2)) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try spec.requireMatrices("cond")
      if case .order(let order) = p, Swift.abs(order) == 2 {
        if elementCount == 0 { return .zeros(spec.batch, dtype: dtype.real, device: device) }
        let values = svdvals()
        let largest = values.select(dim: -1, index: 0)
        let least = values.select(dim: -1, index: -1)
        return order > 0 ? largest / least : least / largest
      }
      try spec.requireMatrices("cond", square: true)
      if elementCount == 0 { return .zeros(spec.batch, dtype: dtype.real, device: device) }
      let (inverse, info) = invEx()
      // A singular matrix has an infinite condition number.
      let size = matrixNorm(p) * inverse.matrixNorm(p)
      return FlamebackOps.select(
        where: info .!= 0, Tensor.scalar(.float(.infinity), dtype: size.dtype, device: device), size)
    }
  }
}
