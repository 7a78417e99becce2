import CKernels
import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// Singular values and vectors: a = U diag(S) Vᴴ.
  package struct SVD: Primitive {
    package static let name = "svd"
    package let full: Bool
    /// Without vectors only S is returned, and there is no gradient.
    package var vectors = true
    package var outputCount: Int { vectors ? 3 : 1 }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let a = inputs[0]
      try a.requireMatrices(name)
      let k = min(a.rows, a.columns)
      let s = a.vectors(k, a.dtype.real)
      return vectors
        ? [a.matrices(a.rows, full ? a.rows : k), s, a.matrices(full ? a.columns : k, a.columns)] : [s]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let a = inputs[0]
      let count = a.batchCount
      if a.rows == 0 || a.columns == 0 {
        // Nothing but the identity is left of the vectors.
        for output in vectors ? [outputs[0], outputs[2]] : [] {
          Strided.fill(output.pointer, output.dtype, output.strides, over: output.shape, 0)
          Strided.fill(
            output.pointer, output.dtype, [output.rows * output.columns, output.columns + 1],
            over: [count, min(output.rows, output.columns)], 1)
        }
        return
      }
      guard let memory = ScratchMemory(byteCount: count * 4) else { return }
      defer { withExtendedLifetime(memory) {} }
      let info = memory.pointer.assumingMemoryBound(to: Int32.self)
      MatrixBatch.run(count: count, size: max(a.rows, a.columns)) {
        fb_svd(
          a.type, full, Int64(a.rows), Int64(a.columns), a.pointer, vectors ? outputs[0].pointer : nil,
          outputs[vectors ? 1 : 0].pointer, vectors ? outputs[2].pointer : nil, info, $0, $1)
      }
      for i in 0..<count where info[i] != 0 {
        throw OpError(name, "did not converge: the matrix has values that are not finite or repeated singular values")
      }
    }

    package var attributes: [(String, String)] { [("full", "\(full)")] }

    /// U [(skew(Uᴴ Ū) S + S skew(Vᴴ V̄)) / E + diag(S̄)] Vᴴ, E_ij = s_j² − s_i², and for tall (wide) matrices what Ū (V̄) has
    /// outside U's (V's) columns (Townsend 2016, "Differentiating the singular value decomposition"; complex: Wan and
    /// Zhang 2019, arXiv:1909.02659).
    package var gradient: Gradient {
      if !vectors { return .none(because: "the singular vectors were not computed") }
      return .pullback(keeps: .outputs) { cotangents, saved in
        let s = saved.output(1)
        let k = s.shape[s.rank - 1]
        let u = saved.output(0).narrow(dim: -1, start: 0, length: k)
        let vh = saved.output(2).narrow(dim: -2, start: 0, length: k)
        let (m, n) = (u.spec.rows, vh.spec.columns)
        let gu = cotangents[0]?.narrow(dim: -1, start: 0, length: k)
        let gvh = cotangents[2]?.narrow(dim: -2, start: 0, length: k)
        let gs = cotangents[1].map { $0.to(u.dtype) }
        guard gu != nil || gvh != nil else { return [gs.map { (u * $0.unsqueeze(-2)).matmul(vh) }] }
        let left = gu.map { Primitives.SVD.skew(u.adjointTimes($0)) }
        let right = gvh.map { Primitives.SVD.skew(vh.matmul($0.adjoint())) }
        let squares = s * s
        let distance =
          squares.unsqueeze(-2) - squares.unsqueeze(-1) + Tensor.identity(k, like: s.spec)
        var middle: Tensor
        switch (left, right) {
        case (let left?, let right?):
          middle = (left * s.unsqueeze(-2) + s.unsqueeze(-1) * right) / distance
          if u.dtype.isComplex { middle = middle + (left.mainDiagonal / (2 * s)).diagEmbed() }
        case (let left?, nil): middle = left / distance * s.unsqueeze(-2)
        default: middle = s.unsqueeze(-1) * (right! / distance)
        }
        if let gs { middle = middle + gs.diagEmbed() }
        if m > n, let gu {
          let scaled = gu / s.unsqueeze(-2)
          let outside = scaled - u.matmul(u.adjointTimes(scaled))
          return [(u.matmul(middle) + outside).matmul(vh)]
        }
        if m < n, let gvh {
          let scaled = gvh / s.unsqueeze(-1)
          let outside = scaled - scaled.matmul(vh.adjoint()).matmul(vh)
          return [u.matmul(middle.matmul(vh) + outside)]
        }
        return [u.matmul(middle).matmul(vh)]
      }
    }

    private static func skew(_ x: Tensor) -> Tensor { x - x.adjoint() }
  }
}

extension Tensor {
  /// The singular value decomposition a = U diag(S) Vᴴ, values falling; U and Vᴴ square if `fullMatrices`.
  /// SeeAlso: torch.linalg.svd
  public func svd(fullMatrices: Bool = true) -> (u: Tensor, s: Tensor, vh: Tensor) {
    let results = attempt(like: self, count: 3) { () throws(OpError) in
      apply(Primitives.SVD(full: fullMatrices), [self])
    }
    return (results[0], results[1], results[2])
  }

  /// The singular values, falling. SeeAlso: torch.linalg.svdvals
  public func svdvals() -> Tensor {
    requiresGrad && Context.isGradEnabled
      ? svd(fullMatrices: false).s : apply(Primitives.SVD(full: false, vectors: false), [self])[0]
  }
}
