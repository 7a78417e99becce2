import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The same elements in another shape, without a copy; -1 stands for the size that the others leave.
  ///
  /// Reports an error if only a copy can do it. SeeAlso: torch.Tensor.view
  public func view(_ shape: Int...) -> Tensor { view(shape) }

  /// The same elements in another shape, without a copy. SeeAlso: torch.Tensor.view
  public func view(_ shape: some Collection<Int>) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let shape = try inferredShape(Array(shape), count: elementCount, op: "view")
      return shape == self.shape && gradFn == nil ? self : apply(Primitives.View(shape: shape), self)
    }
  }

  /// The same elements in another shape: a view where the layout allows it, a copy otherwise.
  /// SeeAlso: torch.reshape
  public func reshape(_ shape: Int...) -> Tensor { reshape(shape) }

  /// The same elements in another shape: a view where the layout allows it, a copy otherwise.
  /// SeeAlso: torch.reshape
  public func reshape(_ shape: some Collection<Int>) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      reshaped(try inferredShape(Array(shape), count: elementCount, op: "reshape"))
    }
  }

  /// `reshape` to a shape that is known to fit.
  func reshaped(_ shape: Shape) -> Tensor {
    if shape == self.shape { return self }
    return apply(Primitives.View(shape: shape), layout.reshaped(to: shape) == nil ? contiguous() : self)
  }

  /// SeeAlso: torch.Tensor.view_as
  public func viewAs(_ other: Tensor) -> Tensor { view(other.shape) }
  /// SeeAlso: torch.Tensor.reshape_as
  public func reshapeAs(_ other: Tensor) -> Tensor { reshape(other.shape) }
  /// All elements in one dimension. SeeAlso: torch.ravel
  public func ravel() -> Tensor { reshape(-1) }

  /// The dimensions from `startDim` through `endDim` as one. SeeAlso: torch.flatten
  public func flatten(startDim: Int = 0, endDim: Int = -1) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let start = try normalizedDim(startDim, rank: rank, op: "flatten")
      let end = try normalizedDim(endDim, rank: rank, op: "flatten")
      guard start <= end else {
        throw OpError("flatten", "startDim cannot come after endDim: \(startDim), \(endDim) of \(spec)")
      }
      if rank == 0 { return reshaped([1]) }
      if start == end { return self }
      let merged = shape[start...end].reduce(1, *)
      return reshaped(Shape(Array(shape[..<start]) + [merged] + Array(shape[(end + 1)...])))
    }
  }

  /// Dimension `dim` cut into `sizes`, of which one may be -1. SeeAlso: torch.unflatten
  public func unflatten(_ dim: Int, _ sizes: some Collection<Int>) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let d = try normalizedDim(dim, rank: rank, op: "unflatten")
      guard rank > 0, !sizes.isEmpty else { throw OpError("unflatten", "sizes must not be empty") }
      guard let parts = try? inferredShape(Array(sizes), count: shape[d], op: "unflatten") else {
        throw OpError(
          "unflatten", "sizes \(Array(sizes)) do not multiply up to the size of dim \(d) (\(shape[d])) of \(spec)")
      }
      return reshaped(Shape(Array(shape[..<d]) + parts.array + Array(shape[(d + 1)...])))
    }
  }

  /// Without the dimensions of size 1. SeeAlso: torch.squeeze
  public func squeeze() -> Tensor { reshaped(Shape(shape.filter { $0 != 1 })) }

  /// Without dimension `dim`, if its size is 1. SeeAlso: torch.squeeze
  public func squeeze(_ dim: Int) -> Tensor { squeeze([dim]) }

  /// Without those of the dimensions `dims` whose size is 1. SeeAlso: torch.squeeze
  public func squeeze(_ dims: some Collection<Int>) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      if dims.isEmpty { return self }
      let dims = try normalizedDims(Array(dims), rank: rank, op: "squeeze")
      return reshaped(Shape((0..<rank).filter { shape[$0] != 1 || !dims.contains($0) }.map { shape[$0] }))
    }
  }

  /// With a new dimension of size 1 at `dim`. SeeAlso: torch.unsqueeze
  public func unsqueeze(_ dim: Int) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      var shape = self.shape
      shape.insert(1, at: try normalizedDim(dim, rank: rank + 1, op: "unsqueeze"))
      return reshaped(shape)
    }
  }

  /// At least one dimension. SeeAlso: torch.atleast_1d
  public func atLeast1d() -> Tensor { rank == 0 ? reshaped([1]) : self }
  /// At least two dimensions, new ones in front. SeeAlso: torch.atleast_2d
  public func atLeast2d() -> Tensor { rank < 2 ? reshaped([1, elementCount]) : self }
  /// At least three dimensions; a matrix becomes `[h, w, 1]`. SeeAlso: torch.atleast_3d
  public func atLeast3d() -> Tensor {
    switch rank {
    case 0, 1: reshaped([1, elementCount, 1])
    case 2: unsqueeze(-1)
    default: self
    }
  }
}

/// `sizes` with its -1 replaced, checked against the number of elements.
func inferredShape(_ sizes: [Int], count: Int, op: String) throws(OpError) -> Shape {
  var shape = Shape(sizes)
  var open: Int?
  var known = 1
  for (i, size) in sizes.enumerated() {
    if size == -1 {
      guard open == nil else { throw OpError(op, "only one dimension can be inferred, got shape \(sizes)") }
      open = i
    } else {
      guard size >= 0 else { throw OpError(op, "invalid shape dimension \(size) at index \(i) of shape \(sizes)") }
      known = known.multipliedReportingOverflow(by: size).partialValue
    }
  }
  if let open {
    guard known != 0 else {
      throw OpError(
        op,
        count == 0
          ? "cannot reshape a tensor of 0 elements into shape \(sizes): the unspecified size can be any value"
          : "shape '\(sizes)' is invalid for input of size \(count)")
    }
    shape[open] = count / known
  }
  guard shape.checkedElementCount == count else {
    throw OpError(op, "shape '\(sizes)' is invalid for input of size \(count)")
  }
  return shape
}

extension Primitives {
  /// The same elements in row-major order under another shape.
  package struct View: ViewPrimitive {
    package static let name = "view"
    package let shape: Shape

    package func layout(of input: Layout) throws(OpError) -> Layout {
      guard let layout = input.reshaped(to: shape) else {
        throw OpError(
          "view", "shape \(shape) needs a copy: \(input.shape) has strides \(input.strides); use reshape instead")
      }
      return layout
    }

    package var attributes: [(String, String)] { [("shape", shape.description)] }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { cotangents, saved in [cotangents[0]?.reshaped(saved.spec(0).shape)] }
    }
  }
}
