import CKernels
import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// Q with orthonormal columns and R upper triangular, a = Q R.
  package struct QR: Primitive {
    package static let name = "qr"
    package var outputCount: Int { 2 }
    package let mode: QRMode

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let a = inputs[0]
      try a.requireMatrices(name)
      let k = mode == .complete ? a.rows : min(a.rows, a.columns)
      let q = mode == .r ? TensorSpec(shape: [0], dtype: a.dtype, device: a.device) : a.matrices(a.rows, k)
      return [q, a.matrices(k, a.columns)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (a, q, r) = (inputs[0], outputs[0], outputs[1])
      let (m, n, rows) = (a.rows, a.columns, r.rows)
      let (count, k, size) = (a.batchCount, min(m, n), a.dtype.byteSize)
      guard let reflectors = ScratchMemory(byteCount: count * m * n * size),
        let tau = ScratchMemory(byteCount: count * k * size)
      else { return }
      defer { withExtendedLifetime((reflectors, tau)) {} }
      MatrixBatch.run(count: count, size: max(m, n)) { begin, end in
        if k > 0 {
          fb_geqrf(a.type, Int64(m), Int64(n), a.pointer, reflectors.pointer, tau.pointer, begin, end)
        }
        if mode != .r, q.elementCount > 0 {
          fb_householder(
            a.type, Int64(m), Int64(q.columns), Int64(n), Int64(k), reflectors.pointer, tau.pointer, q.pointer, begin,
            end)
        }
        for b in Int(begin)..<Int(end) {
          for i in 0..<rows {
            let row = r.pointer + (b * rows + i) * n * size
            let zeros = min(i, n)
            row.initializeMemory(as: UInt8.self, repeating: 0, count: zeros * size)
            (row + zeros * size).copyMemory(
              from: reflectors.pointer + ((b * m + i) * n + zeros) * size, byteCount: (n - zeros) * size)
          }
        }
      }
    }

    package var attributes: [(String, String)] { [("mode", "\(mode)")] }

    /// (Q̄ + Q herm(triu(R̄ Rᴴ − Qᴴ Q̄))) R⁻ᴴ, herm mirroring the triangle; wide matrices have their square part so and the rest
    /// through R₂ = Qᴴ A₂ (Walter and Lehmann 2013, arXiv:1009.6112; Roberts and Roberts 2020, arXiv:2009.10071).
    package var gradient: Gradient {
      if mode == .r { return .none(because: "mode r does not compute Q, on which it depends") }
      return .pullback(keeps: .outputs) { [mode] cotangents, saved in
        let (q, r) = (saved.output(0), saved.output(1))
        let (m, n) = (q.spec.rows, r.spec.columns)
        if mode == .complete, m > n {
          report(OpError("qr", "not differentiable with mode complete where rows exceed columns: \(saved.spec(0))"))
          return [nil]
        }
        if m >= n {
          return [Primitives.QR.squareGradient(q, r, cotangents[0], cotangents[1])]
        }
        let square = r.narrow(dim: -1, start: 0, length: m)
        guard let gr = cotangents[1] else {
          let head = Primitives.QR.squareGradient(q, square, cotangents[0], nil)
          return [head?.constantPad([0, n - m])]
        }
        let rest = gr.narrow(dim: -1, start: m, length: n - m)
        let columns = q.matmul(r.narrow(dim: -1, start: m, length: n - m))  // A₂
        let toQ = columns.matmul(rest.adjoint())
        let head = Primitives.QR.squareGradient(
          q, square, cotangents[0].map { $0 + toQ } ?? toQ, gr.narrow(dim: -1, start: 0, length: m))
        return [Tensor.cat([head!, q.matmul(rest)], dim: -1)]
      }
    }

    private static func squareGradient(_ q: Tensor, _ r: Tensor, _ gq: Tensor?, _ gr: Tensor?) -> Tensor? {
      var middle: Tensor
      switch (gq, gr) {
      case (nil, nil): return nil
      case (let gq?, nil): middle = -q.adjointTimes(gq)
      case (nil, let gr?): middle = gr.matmul(r.adjoint())
      case (let gq?, let gr?): middle = gr.matmul(r.adjoint()) - q.adjointTimes(gq)
      }
      let upper = middle.triu()
      // The diagonal of X + Xᴴ is twice the real part: half of it is taken.
      let sum = upper + upper.adjoint()
      middle = sum - (sum.mainDiagonal.real * 0.5).to(q.dtype).diagEmbed()
      var result = q.matmul(middle)
      if let gq { result = result + gq }
      return apply(Primitives.TriangularSolve(upper: true, left: false, adjoint: true), r, result)
    }
  }
}

/// What `qr` returns.
public enum QRMode: String, Sendable {
  /// [m, k] and [k, n], k = min(m, n).
  case reduced
  /// [m, m] and [m, n].
  case complete
  /// Only R; Q is empty.
  case r
}

extension Primitives {
  /// Householder's form of a = Q R: R with the reflectors below its diagonal, and their factors.
  package struct HouseholderForm: Primitive {
    package static let name = "geqrf"
    package var outputCount: Int { 2 }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let a = inputs[0]
      try a.requireMatrices(name)
      return [a, a.vectors(min(a.rows, a.columns))]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let a = inputs[0]
      if a.rows == 0 || a.columns == 0 { return }
      MatrixBatch.run(count: a.batchCount, size: max(a.rows, a.columns)) {
        fb_geqrf(a.type, Int64(a.rows), Int64(a.columns), a.pointer, outputs[0].pointer, outputs[1].pointer, $0, $1)
      }
    }

    package var gradient: Gradient { .none(because: "the reflectors are not differentiated: use qr") }
  }
}

extension Primitives {
  /// The product of reflectors 1 − τ v vᴴ: the matrix itself, or applied to another one.
  package struct Reflectors: Primitive {
    package static let name = "householderProduct"
    /// Nil: the first columns of the product. Otherwise it multiplies the third input.
    package var application: (left: Bool, adjoint: Bool)?

    package var name: String { application == nil ? "householderProduct" : "ormqr" }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let (v, tau) = (inputs[0], inputs[1])
      for input in inputs {
        guard input.dtype == v.dtype else { throw OpError(name, "expected one dtype, got \(inputs)") }
      }
      try v.requireMatrices(name)
      guard tau.rank == v.rank - 1, Shape(tau.shape.dropLast()) == v.batch else {
        throw OpError(name, "the factors do not fit the reflectors: \(v) × \(tau)")
      }
      let k = tau.shape[tau.rank - 1]
      guard let application else {
        guard v.rows >= v.columns, k <= v.columns else {
          throw OpError(name, "needs at least as many rows as columns and columns as factors: \(v) × \(tau)")
        }
        return [v]
      }
      let c = inputs[2]
      try c.requireMatrices(name)
      let order = application.left ? c.rows : c.columns
      guard c.batch == v.batch, v.rows == order, k == min(order, v.columns) else {
        throw OpError(name, "incompatible matrices: \(v) × \(tau) × \(c)")
      }
      return [c]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (v, tau, y) = (inputs[0], inputs[1], outputs[0])
      if y.elementCount == 0 { return }
      let k = tau.shape[tau.shape.count - 1]
      if let application {
        let c = inputs[2]
        let count = v.batchCount * v.rows * k
        guard let packed = ScratchMemory(byteCount: count * v.dtype.byteSize) else { return }
        defer { withExtendedLifetime(packed) {} }
        Strided.copy(
          v.pointer, v.dtype, [v.columns, 1], to: packed.pointer, v.dtype, nil, over: [v.batchCount * v.rows, k])
        MatrixBatch.run(count: v.batchCount, size: max(c.rows, c.columns)) {
          fb_ormqr(
            v.type, application.left, application.adjoint, Int64(c.rows), Int64(c.columns), Int64(k), packed.pointer,
            tau.pointer, c.pointer, y.pointer, $0, $1)
        }
      } else {
        MatrixBatch.run(count: v.batchCount, size: v.rows) {
          fb_householder(
            v.type, Int64(v.rows), Int64(v.columns), Int64(v.columns), Int64(k), v.pointer, tau.pointer, y.pointer, $0,
            $1)
        }
      }
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let (v, tau) = (inputs[0], inputs[1])
      let k = tau.shape[tau.rank - 1]
      let rows = v.spec.rows
      let unit = v.narrow(dim: -1, start: 0, length: k).tril(-1) + Tensor.eye(rows, k, dtype: v.dtype, device: v.device)
      var result =
        application == nil
        ? Tensor.eye(rows, v.spec.columns, dtype: v.dtype, device: v.device).expanded(to: v.shape) : inputs[2]
      let (left, adjoint) = application ?? (true, false)
      // Q = H₁ … Hₖ: from the left the last one comes first.
      for i in left != adjoint ? Array((0..<k).reversed()) : Array(0..<k) {
        let w = unit.narrow(dim: -1, start: i, length: 1)
        let column = tau.narrow(dim: -1, start: i, length: 1).unsqueeze(-1)
        let factor = adjoint ? column.conj() : column
        let change = left ? w.matmul(w.adjointTimes(result)) : result.matmul(w).matmul(w.adjoint())
        result = result - factor * change
      }
      return [result]
    }

    /// Through the reflectors one by one.
    package var gradient: Gradient { .ofDecomposition }
  }
}

extension Tensor {
  /// The QR decomposition: a = Q R with orthonormal columns in Q and triangular R. SeeAlso: torch.linalg.qr
  public func qr(mode: QRMode = .reduced) -> (q: Tensor, r: Tensor) {
    let results = attempt(like: self, count: 2) { () throws(OpError) in apply(Primitives.QR(mode: mode), [self]) }
    return (results[0], results[1])
  }

  /// The QR decomposition as LAPACK stores it: R and the reflectors in one matrix, and their factors.
  /// SeeAlso: torch.geqrf
  public func geqrf() -> (a: Tensor, tau: Tensor) {
    let results = attempt(like: self, count: 2) { () throws(OpError) in apply(Primitives.HouseholderForm(), [self]) }
    return (results[0], results[1])
  }

  /// The first columns of the product of the reflectors in this tensor's columns. SeeAlso: torch.linalg.householder_product
  public func householderProduct(_ tau: Tensor) -> Tensor { apply(Primitives.Reflectors(), self, tau) }

  /// `other` times the product of reflectors of `geqrf`, from the left or the right, perhaps conjugate transposed.
  /// SeeAlso: torch.ormqr
  public func ormqr(_ tau: Tensor, _ other: Tensor, left: Bool = true, transpose: Bool = false) -> Tensor {
    apply(Primitives.Reflectors(application: (left, transpose)), self, tau, other)
  }
}
