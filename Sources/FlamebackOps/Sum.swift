import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// The sum, or the mean, over some dimensions.
  package struct Sum: Reducing {
    package let name: String
    package let kind: Reduction.Kind
    package let dims: ReducedDims
    package var dtype: DType?

    package var families: DType.Family { .all }

    package func resultDType(_ dtype: DType) -> DType { self.dtype ?? (dtype.isDifferentiable ? dtype : .int64) }

    /// dx = g, repeated (the mean: divided by the count; without NaN: 0 at NaN).
    package var gradient: Gradient {
      .pullback(keeps: kind == .nanSum ? .input(0) : .nothing) { [dims, kind] cotangents, saved in
        guard var g = cotangents[0] else { return [nil] }
        let spec = saved.spec(0)
        if kind == .mean { g = g / Double(dims.count(of: spec.shape)) }
        g = dims.expanded(g.to(spec.dtype), spec.shape)
        return [kind == .nanSum ? Elementwise.select(saved.input(0).isNaN(), Scalar.float(0), g) : g]
      }
    }
  }
}

extension Tensor {
  /// The sum over `dim` (default: everything). Integers and bools add up in int64. SeeAlso: torch.sum
  public func sum(dim: (any Dims)? = nil, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let dims = try ReducedDims(dim, rank: rank, keepDim: keepDim, op: "sum")
      return apply(Primitives.Sum(name: "sum", kind: .sum, dims: dims, dtype: dtype), converted(for: dtype))
    }
  }

  /// The sum over the dimensions in which `shape` is smaller. SeeAlso: torch.Tensor.sum_to_size
  public func sumToSize(_ shape: [Int]) -> Tensor {
    let target = Shape(shape)
    return dtype.isDifferentiable || target == self.shape && rank > 0
      ? summed(to: target) : to(.int64).summed(to: target)
  }

  /// The sum in which NaN counts as 0. SeeAlso: torch.nansum
  public func nansum(dim: (any Dims)? = nil, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    guard self.dtype.isFloatingPoint else {
      if self.dtype.isComplex { return fail("nansum", "not defined for complex numbers: \(spec)", like: spec) }
      return sum(dim: dim, keepDim: keepDim, dtype: dtype)
    }
    return attempt(like: self) { () throws(OpError) in
      let dims = try ReducedDims(dim, rank: rank, keepDim: keepDim, op: "nansum")
      let x = converted(for: dtype)
      let kind: Reduction.Kind = x.dtype.isFloatingPoint ? .nanSum : .sum
      return apply(Primitives.Sum(name: "nansum", kind: kind, dims: dims, dtype: dtype), x)
    }
  }

  /// The mean over `dim` (default: everything), of floating point or complex numbers. SeeAlso: torch.mean
  public func mean(dim: (any Dims)? = nil, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard (dtype ?? self.dtype).isDifferentiable else {
        throw OpError("mean", "needs a floating point or complex dtype: give dtype: to convert \(spec)")
      }
      let dims = try ReducedDims(dim, rank: rank, keepDim: keepDim, op: "mean")
      let x = converted(for: dtype)
      return apply(Primitives.Sum(name: "mean", kind: .mean, dims: dims, dtype: dtype ?? x.dtype), x)
    }
  }

  /// The mean of the elements that are not NaN. SeeAlso: torch.nanmean
  public func nanmean(dim: (any Dims)? = nil, keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    guard self.dtype.isDifferentiable else {
      return fail("nanmean", "needs a floating point dtype, got \(spec)", like: spec)
    }
    let count = isNaN().logicalNot().sum(dim: dim, keepDim: keepDim)
    return nansum(dim: dim, keepDim: keepDim, dtype: dtype) / count
  }

  /// How many elements are not 0. SeeAlso: torch.count_nonzero
  public func countNonzero(dim: (any Dims)? = nil) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let dims = try ReducedDims(dim, rank: rank, keepDim: false, op: "countNonzero")
      return apply(Primitives.Test(name: "countNonzero", kind: .countNonzero, dims: dims), self)
    }
  }

  /// Whether any element along `dim` (default: of all) is true (not 0). SeeAlso: torch.any
  public func any(dim: (any Dims)? = nil, keepDim: Bool = false) -> Tensor { test("any", .any, dim, keepDim) }

  /// Whether all elements along `dim` (default: all) are true (not 0). SeeAlso: torch.all
  public func all(dim: (any Dims)? = nil, keepDim: Bool = false) -> Tensor { test("all", .all, dim, keepDim) }

  private func test(_ op: String, _ kind: Reduction.Kind, _ dim: (any Dims)?, _ keepDim: Bool) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let dims = try ReducedDims(dim, rank: rank, keepDim: keepDim, op: op)
      return apply(Primitives.Test(name: op, kind: kind, dims: dims), self)
    }
  }

  /// Whether shapes and all elements are equal. SeeAlso: torch.equal
  public func equal(_ other: Tensor) -> Bool {
    guard shape == other.shape, dtype == other.dtype else { return false }
    return noGrad { (self .== other).all().item().bool }
  }

  /// Whether all elements are close, as `isClose` says. SeeAlso: torch.allclose
  public func allClose(_ other: Tensor, rtol: Double = 1e-5, atol: Double = 1e-8, equalNaN: Bool = false) -> Bool {
    noGrad { isClose(other, rtol: rtol, atol: atol, equalNaN: equalNaN).all().item().bool }
  }
}

extension Primitives {
  /// A reduction with an answer that is no number: any, all, a count.
  package struct Test: Reducing {
    package let name: String
    package let kind: Reduction.Kind
    package let dims: ReducedDims

    package var families: DType.Family { .all }

    package func resultDType(_ dtype: DType) -> DType {
      kind == .countNonzero ? .int64 : dtype == .uint8 ? .uint8 : .bool
    }
    package var gradient: Gradient { .none(because: "a count does not change smoothly") }
  }
}
