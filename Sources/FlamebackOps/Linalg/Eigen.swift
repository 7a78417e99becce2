import CKernels
import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// Eigenvalues and eigenvectors of Hermitian matrices, or of any square ones.
  package struct Eigen: Primitive {
    package enum Kind: Equatable { case hermitian(upper: Bool), general }

    package static let name = "eig"
    package let kind: Kind
    /// Without vectors only the values are returned, and there is no gradient.
    package var vectors = true
    package var outputCount: Int { vectors ? 2 : 1 }

    package var name: String { kind == .general ? "eig" : "eigh" }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let a = inputs[0]
      try a.requireMatrices(name, square: true)
      let values = kind == .general ? a.dtype.complex : a.dtype.real
      let vectors = kind == .general ? a.dtype.complex : a.dtype
      return [a.vectors(a.rows, values)] + (self.vectors ? [a.matrices(a.rows, a.rows, vectors)] : [])
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (a, w) = (inputs[0], outputs[0])
      if a.elementCount == 0 { return }
      let v = vectors ? outputs[1].pointer : nil
      guard let memory = ScratchMemory(byteCount: a.batchCount * 4) else { return }
      defer { withExtendedLifetime(memory) {} }
      let info = memory.pointer.assumingMemoryBound(to: Int32.self)
      if kind == .general {
        // The QR iteration would not end on what is not a number.
        var finite = true
        func check<T: BinaryFloatingPoint>(_ type: T.Type) {
          let count = a.elementCount * (a.dtype.isComplex ? 2 : 1)
          let numbers = UnsafeBufferPointer(start: a.pointer.assumingMemoryBound(to: T.self), count: count)
          finite = numbers.allSatisfy(\.isFinite)
        }
        if a.dtype.real == .float64 { check(Double.self) } else { check(Float.self) }
        guard finite else { throw OpError(name, "the input must not contain infinities or NaN") }
      }
      MatrixBatch.run(count: a.batchCount, size: a.rows) {
        switch kind {
        case .hermitian(let upper): fb_eigh(a.type, upper, Int64(a.rows), a.pointer, w.pointer, v, info, $0, $1)
        case .general: fb_eig(a.type, Int64(a.rows), a.pointer, w.pointer, v, info, $0, $1)
        }
      }
      for i in 0..<a.batchCount where info[i] != 0 {
        throw OpError(
          name, "did not converge: the matrix has values that are not finite or too many repeated eigenvalues")
      }
    }

    package var attributes: [(String, String)] { [("kind", "\(kind)")] }

    /// V⁻ᴴ (diag(λ̄) + (Vᴴ V̄ − Vᴴ V diag(Re diag(Vᴴ V̄))) / conj(E)) Vᴴ, E_ij = λ_j − λ_i; of Hermitian matrices
    /// V (diag(λ̄) + skew(Vᴴ V̄) / E) Vᴴ (Giles 2008, section 3.1; Boeddeker et al. 2017, arXiv:1701.00392, section 4).
    package var gradient: Gradient {
      if !vectors { return .none(because: "the eigenvectors were not computed") }
      return .pullback(keeps: .outputs) { [kind] cotangents, saved in
        let (values, v) = (saved.output(0), saved.output(1))
        let n = v.spec.rows
        let adjoint = v.adjoint()
        var middle = cotangents[0].map { $0.to(v.dtype).diagEmbed() }
        if let g = cotangents[1] {
          let product = v.adjointTimes(g)
          let distance = values.unsqueeze(-2) - values.unsqueeze(-1) + Tensor.identity(n, like: values.spec)
          var part: Tensor
          if kind == .general {
            let size = product.mainDiagonal.real.unsqueeze(-2)
            part = (product - v.adjointTimes(v) * size) / distance.conj()
          } else {
            part = (product - product.adjoint()) * 0.5 / distance
          }
          part = part - part.mainDiagonal.diagEmbed()
          middle = middle.map { $0 + part } ?? part
        }
        guard let middle else { return [nil] }
        if kind != .general { return [v.matmul(middle).matmul(adjoint)] }
        let result = apply(Primitives.Solve(), [adjoint, middle.matmul(adjoint)])[0]
        return [saved.spec(0).dtype.isComplex ? result : result.real]
      }
    }
  }
}

extension Tensor {
  private func eigen(_ kind: Primitives.Eigen.Kind) -> (eigenvalues: Tensor, eigenvectors: Tensor) {
    let results = attempt(like: self, count: 2) { () throws(OpError) in apply(Primitives.Eigen(kind: kind), [self]) }
    return (results[0], results[1])
  }

  private func eigenvalues(_ kind: Primitives.Eigen.Kind) -> Tensor {
    requiresGrad && Context.isGradEnabled
      ? eigen(kind).eigenvalues : apply(Primitives.Eigen(kind: kind, vectors: false), [self])[0]
  }

  /// Eigenvalues and eigenvectors (as columns) of square matrices, always complex. SeeAlso: torch.linalg.eig
  public func eig() -> (eigenvalues: Tensor, eigenvectors: Tensor) { eigen(.general) }
  /// The eigenvalues of square matrices, always complex. SeeAlso: torch.linalg.eigvals
  public func eigvals() -> Tensor { eigenvalues(.general) }

  /// Eigenvalues, real and rising, and orthonormal eigenvectors (as columns) of Hermitian matrices, of which only one
  /// triangle is read. SeeAlso: torch.linalg.eigh
  public func eigh(upper: Bool = false) -> (eigenvalues: Tensor, eigenvectors: Tensor) {
    eigen(.hermitian(upper: upper))
  }

  /// The eigenvalues of Hermitian matrices, real and rising. SeeAlso: torch.linalg.eigvalsh
  public func eigvalsh(upper: Bool = false) -> Tensor { eigenvalues(.hermitian(upper: upper)) }
}
