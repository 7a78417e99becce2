import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// The running sum along a dimension, from the front or from the end.
  package struct RunningSum: Primitive {
    package static let name = "cumsum"
    package let dim: Int
    package var reverse = false
    package var dtype: DType?

    package var families: DType.Family { .all }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [scanned(inputs[0], dtype)] }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, y) = (inputs[0], outputs[0])
      Scan.run(.sum, x.pointer, x.dtype, shape: x.shape, dim: dim, reverse: reverse, into: y.pointer, y.dtype)
    }

    package var attributes: [(String, String)] { [("dim", "\(dim)"), ("reverse", "\(reverse)")] }

    /// dx = the running sum of g from the other end.
    package var gradient: Gradient {
      .pullback(keeps: .nothing) { [dim, reverse] cotangents, saved in
        [cotangents[0].map { apply(Primitives.RunningSum(dim: dim, reverse: !reverse), $0.to(saved.spec(0).dtype)) }]
      }
    }
  }
}

extension Primitives {
  /// The running product along a dimension, from the front or from the end.
  package struct RunningProduct: Primitive {
    package static let name = "cumprod"
    package let dim: Int
    package var reverse = false
    package var dtype: DType?

    package var families: DType.Family { .all }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [scanned(inputs[0], dtype)] }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, y) = (inputs[0], outputs[0])
      Scan.run(.product, x.pointer, x.dtype, shape: x.shape, dim: dim, reverse: reverse, into: y.pointer, y.dtype)
    }

    package var attributes: [(String, String)] { [("dim", "\(dim)"), ("reverse", "\(reverse)")] }

    /// dxᵢ = conj(yᵢ₋₁) · sᵢ with sᵢ = gᵢ + conj(xᵢ₊₁) sᵢ₊₁: right at zeros too, and linear in time.
    package var gradient: Gradient {
      .pullback(keeps: [.input(0), .output(0)]) { [dim, reverse] cotangents, saved in
        guard let g = cotangents[0] else { return [nil] }
        let y = saved.output(0)
        let sums = apply(
          Primitives.LinearRecurrence(dim: dim, reverse: !reverse, neighbour: true), saved.input(0).to(y.dtype).conj(),
          g)
        let before = y.conj().shifted(by: reverse ? -1 : 1, dim: dim, fill: 1)
        return [(before * sums).to(saved.spec(0).dtype)]
      }
    }
  }
}

extension Primitives {
  /// sᵢ = bᵢ + aᵢ sᵢ₋₁ along a dimension (reverse: sᵢ₊₁); with `neighbour` the factor is that of the place s comes from.
  /// Its gradients are such recurrences again.
  package struct LinearRecurrence: Primitive {
    package static let name = "linearRecurrence"
    package let dim: Int
    package let reverse: Bool
    package let neighbour: Bool

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      guard inputs[0].shape == inputs[1].shape, inputs[0].dtype == inputs[1].dtype, inputs[0].dtype.isDifferentiable
      else { throw OpError("linearRecurrence", "needs two floating point tensors of one shape, got \(inputs)") }
      return [inputs[1]]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      Scan.linear(
        inputs[0].pointer, inputs[1].pointer, into: outputs[0].pointer, outputs[0].dtype, shape: outputs[0].shape,
        dim: dim, reverse: reverse, neighbour: neighbour)
    }

    package var attributes: [(String, String)] {
      [("dim", "\(dim)"), ("reverse", "\(reverse)"), ("neighbour", "\(neighbour)")]
    }

    /// db = t, the recurrence in the other direction with the other end's conjugate factors;
    /// da = t times the conjugate of the s that the factor multiplied.
    package var gradient: Gradient {
      .pullback(keeps: [.input(0), .output(0)]) { [dim, reverse, neighbour] cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil] }
        let t = apply(
          Primitives.LinearRecurrence(dim: dim, reverse: !reverse, neighbour: !neighbour), saved.input(0).conj(), g)
        guard saved.needs(0) else { return [nil, t] }
        let s = saved.output(0).conj()
        let back = reverse ? -1 : 1
        let da = neighbour ? t.shifted(by: -back, dim: dim, fill: 0) * s : t * s.shifted(by: back, dim: dim, fill: 0)
        return [da, t]
      }
    }
  }
}

extension Primitives {
  /// ln of the running sum of eˣ, without overflow.
  package struct RunningLogSumExp: Primitive {
    package static let name = "logcumsumexp"
    package let dim: Int

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      guard inputs[0].dtype.isDifferentiable else {
        throw OpError("logcumsumexp", "needs floating point numbers, got \(inputs[0])")
      }
      return [inputs[0]]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, y) = (inputs[0], outputs[0])
      Scan.run(.logSumExp, x.pointer, x.dtype, shape: x.shape, dim: dim, into: y.pointer, y.dtype)
    }

    package var attributes: [(String, String)] { [("dim", "\(dim)")] }

    /// dxⱼ = Σ_{i ≥ j} gᵢ e^(xⱼ − yᵢ) = tⱼ e^(xⱼ − yⱼ) with tⱼ = gⱼ + e^(yⱼ − yⱼ₊₁) tⱼ₊₁: no exponent is positive.
    package var gradient: Gradient {
      .pullback(keeps: [.input(0), .output(0)]) { [dim] cotangents, saved in
        guard let g = cotangents[0] else { return [nil] }
        let y = saved.output(0)
        let next = y.shifted(by: -1, dim: dim, fill: .float(.infinity))
        let t = apply(
          Primitives.LinearRecurrence(dim: dim, reverse: true, neighbour: false),
          Elementwise.expDifference(y, next).conj(), g)
        return [t * Elementwise.expDifference(saved.input(0), y).conj()]
      }
    }
  }
}

extension Elementwise {
  /// eᵃ⁻ᵇ, 0 where a is −∞.
  static let expDifference = Elementwise("expDifference") { a, b in
    (a.isInfinite .& (a.real.sign .== -1)).select(0, .exp(a - b))
  }
}

private func scanned(_ x: TensorSpec, _ dtype: DType?) -> TensorSpec {
  TensorSpec(shape: x.shape, dtype: dtype ?? (x.dtype.isDifferentiable ? x.dtype : .int64), device: x.device)
}

extension Tensor {
  /// The elements moved along `dim`, with `fill` where none comes.
  func shifted(by offset: Int, dim: Int, fill: Scalar) -> Tensor {
    if rank == 0 || shape[dim] == 0 { return Tensor.fullLike(self, fill) }
    let length = Swift.max(0, shape[dim] - Swift.abs(offset))
    let kept = narrow(dim: dim, start: Swift.max(0, -offset), length: length)
    let start = Swift.max(0, offset)
    return Tensor.fullLike(self, fill).sliceScatter(kept, dim: dim, start: start, end: start + length)
  }

  func scan(_ op: String, _ dim: Int, _ body: (Tensor, Int) -> [Tensor]) -> [Tensor] {
    attempt(like: self, count: 2) { () throws(OpError) in
      let d = try normalizedDim(dim, rank: rank, op: op)
      if rank > 0 { return body(self, d) }
      return body(reshape(1), 0).map { $0.reshape([]) }
    }
  }

  /// The running sum along `dim`. Integers add up in int64. SeeAlso: torch.cumsum
  public func cumsum(dim: Int, dtype: DType? = nil) -> Tensor {
    scan("cumsum", dim) { x, d in [apply(Primitives.RunningSum(dim: d, dtype: dtype), x.converted(for: dtype))] }[0]
  }

  /// The running product along `dim`. Integers multiply in int64. SeeAlso: torch.cumprod
  public func cumprod(dim: Int, dtype: DType? = nil) -> Tensor {
    scan("cumprod", dim) { x, d in [apply(Primitives.RunningProduct(dim: d, dtype: dtype), x.converted(for: dtype))] }[
      0]
  }

  /// ln of the running sum of eˣ along `dim`. SeeAlso: torch.logcumsumexp
  public func logcumsumexp(dim: Int) -> Tensor {
    scan("logcumsumexp", dim) { x, d in [apply(Primitives.RunningLogSumExp(dim: d), x)] }[0]
  }
}
