import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// The largest or smallest value over some dimensions. Equal ones share the gradient.
  package struct Extremum: Reducing {
    package let name: String
    package let kind: Reduction.Kind
    package let dims: ReducedDims

    package func resultDType(_ dtype: DType) -> DType { dtype }

    package var gradient: Gradient { .sharedByEqual(dims) }
  }
}

extension Elementwise {
  /// Equal, or both NaN.
  static let same = Elementwise("same", .predicate) { a, b in (a .== b) .| (a.isNaN .& b.isNaN) }
}

extension Primitives {
  /// The largest or smallest value along a dimension and where it is.
  package struct ExtremumWithIndex: Reducing {
    package let name: String
    package let kind: Reduction.Kind
    package let dims: ReducedDims

    package func resultDType(_ dtype: DType) -> DType { dtype }

    package var outputCount: Int { 2 }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let shape = dims.resultShape(of: inputs[0].shape)
      return [inputs[0].dtype, .int64].map { TensorSpec(shape: shape, dtype: $0, device: inputs[0].device) }
    }

    package var gradient: Gradient { .selection(dim: dims.dims.first, keepDim: dims.keepDim) }
  }
}

extension Gradient {
  /// Of operations whose value stands for all elements equal to it: dx = g / (their number) at them.
  static func sharedByEqual(_ dims: ReducedDims) -> Gradient {
    .pullback(keeps: [.input(0), .output(0)]) { cotangents, saved in
      guard let g = cotangents[0] else { return [nil] }
      let shape = saved.spec(0).shape
      let equal = Elementwise.same(
        saved.input(0).detached(), dims.broadcastable(saved.output(0).detached(), shape))
      let count = equal.sum(dim: dims.dims, keepDim: true).to(saved.spec(0).dtype)
      return [Elementwise.select(equal, dims.broadcastable(g, shape) / count, Scalar.float(0))]
    }
  }

  /// Of operations that pick values along `dim`; their second output tells where they were. dx = g there.
  static func selection(dim: Int?, keepDim: Bool) -> Gradient {
    .pullback(keeps: .output(1)) { cotangents, saved in
      guard let g = cotangents[0] else { return [nil] }
      guard let dim else { return [g] }  // a scalar
      let shape = saved.spec(0).shape
      let indices = saved.output(1)
      return [g.placed(at: indices, dim: dim, keepDim: keepDim, size: shape[dim])]
    }
  }
}

extension Primitives {
  /// The position of the largest or smallest value.
  package struct ArgExtremum: Reducing {
    package let name: String
    package let kind: Reduction.Kind
    package let dims: ReducedDims

    package func resultDType(_ dtype: DType) -> DType { .int64 }
    package var gradient: Gradient { .none(because: "a position does not change smoothly") }
  }
}

extension Tensor {
  /// Zeros with these values at `indices` along `dim`.
  func placed(at indices: Tensor, dim: Int, keepDim: Bool, size: Int) -> Tensor {
    let values = keepDim ? self : unsqueeze(dim)
    var shape = values.shape
    shape[dim] = size
    return newZeros(shape).scatter(dim: dim, index: keepDim ? indices : indices.unsqueeze(dim), src: values)
  }

  /// Refuses complex numbers, and to choose among nothing.
  private func checkOrdered(_ dims: [Int], _ op: String, isFull: Bool = false) throws(OpError) {
    if dtype.isComplex { throw OpError(op, "complex numbers have no order: \(spec)") }
    if isFull, elementCount == 0 { throw OpError(op, "an empty tensor has none: \(spec)") }
    if let d = dims.first(where: { shape[$0] == 0 }) { throw OpError(op, "dimension \(d) has size 0: \(spec)") }
  }

  private func extremum(_ op: String, _ kind: Reduction.Kind, _ dim: (any Dims)?, _ keepDim: Bool) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let dims = try ReducedDims(dim, rank: rank, keepDim: keepDim, op: op)
      try checkOrdered(dims.dims, op, isFull: dim == nil)
      return apply(Primitives.Extremum(name: op, kind: kind, dims: dims), self)
    }
  }

  private func extremumWithIndex(
    _ op: String, _ kind: Reduction.Kind, _ dim: Int, _ keepDim: Bool
  ) -> (values: Tensor, indices: Tensor) {
    let results = attempt(like: self, count: 2) { () throws(OpError) in
      let d = try normalizedDim(dim, rank: rank, op: op)
      let dims = rank == 0 ? [] : [d]
      try checkOrdered(dims, op)
      return apply(
        Primitives.ExtremumWithIndex(name: op, kind: kind, dims: ReducedDims(dims, keepDim: keepDim)), [self])
    }
    return (results[0], results[1])
  }

  private func argExtremum(_ op: String, _ kind: Reduction.Kind, _ dim: Int?, _ keepDim: Bool) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let dims = try ReducedDims(dim, rank: rank, keepDim: keepDim, op: op)
      try checkOrdered(dims.dims, op, isFull: dim == nil)
      if dtype == .bool { throw OpError(op, "not defined for bool: \(spec)") }
      return apply(Primitives.ArgExtremum(name: op, kind: kind, dims: dims), self)
    }
  }

  /// The largest values over `dim` (default: everything); equal ones share the gradient. SeeAlso: torch.amax
  public func amax(dim: (any Dims)? = nil, keepDim: Bool = false) -> Tensor { extremum("amax", .maximum, dim, keepDim) }

  /// The smallest values over `dim` (default: everything); equal ones share the gradient. SeeAlso: torch.amin
  public func amin(dim: (any Dims)? = nil, keepDim: Bool = false) -> Tensor { extremum("amin", .minimum, dim, keepDim) }

  /// The largest element. SeeAlso: torch.max
  public func max() -> Tensor { extremum("max", .maximum, nil, false) }

  /// The smallest element. SeeAlso: torch.min
  public func min() -> Tensor { extremum("min", .minimum, nil, false) }

  /// The largest values along `dim` and where they are (the first of equal ones). SeeAlso: torch.max
  public func max(dim: Int, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    extremumWithIndex("max", .maximum, dim, keepDim)
  }

  /// The smallest values along `dim` and where they are (the first of equal ones). SeeAlso: torch.min
  public func min(dim: Int, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    extremumWithIndex("min", .minimum, dim, keepDim)
  }

  /// The smallest and the largest values along `dim` (default: of everything). SeeAlso: torch.aminmax
  public func aminmax(dim: Int? = nil, keepDim: Bool = false) -> (min: Tensor, max: Tensor) {
    (extremum("aminmax", .minimum, dim, keepDim), extremum("aminmax", .maximum, dim, keepDim))
  }

  /// Where the largest value along `dim` is; without `dim` its position in row-major order. SeeAlso: torch.argmax
  public func argmax(dim: Int? = nil, keepDim: Bool = false) -> Tensor {
    argExtremum("argmax", .argMaximum, dim, keepDim)
  }

  /// Where the smallest value along `dim` is; without `dim` its position in row-major order. SeeAlso: torch.argmin
  public func argmin(dim: Int? = nil, keepDim: Bool = false) -> Tensor {
    argExtremum("argmin", .argMinimum, dim, keepDim)
  }
}
