import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// `length` places of `dim` from `start` on. A negative start counts from the end. SeeAlso: torch.narrow
  public func narrow(dim: Int, start: Int, length: Int) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard rank > 0 else { throw OpError("narrow", "cannot be applied to a 0-d tensor") }
      let d = try normalizedDim(dim, rank: rank, op: "narrow")
      let size = shape[d]
      guard length >= 0 else { throw OpError("narrow", "length must not be negative, got \(length)") }
      guard start >= -size && start <= size else {
        throw OpError("narrow", "start out of range (expected to be in [\(-size), \(size)], but got \(start))")
      }
      let from = start < 0 ? start + size : start
      guard length <= size - from else {
        throw OpError("narrow", "start (\(from)) + length (\(length)) exceeds size \(size) of dim \(d)")
      }
      return sliced(d, from, length, 1)
    }
  }

  /// `narrow` where the start is a 0-d integer tensor. SeeAlso: torch.narrow
  public func narrow(dim: Int, start: Tensor, length: Int) -> Tensor {
    guard start.rank == 0, start.dtype.isInteger else {
      return fail("narrow", "start must be an integer or a 0-d integer tensor, got \(start.spec)", like: spec)
    }
    return narrow(dim: dim, start: start.itemInt(), length: length)
  }

  /// Places `start`, `start + step`, … before `end` of `dim`, clamped to its size as Python slices are.
  /// SeeAlso: torch.ops.aten.slice
  public func slice(dim: Int = 0, start: Int? = nil, end: Int? = nil, step: Int = 1) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try self.slice(Primitives.Slice(dim: dim, start: start, end: end, step: step, of: shape))
    }
  }

  func slice(_ op: Primitives.Slice) throws(OpError) -> Tensor { sliced(op.dim, op.start, op.length, op.step) }

  func sliced(_ dim: Int, _ start: Int, _ length: Int, _ step: Int) -> Tensor {
    start == 0 && length == shape[dim] && step == 1
      ? self : apply(Primitives.Slice(dim: dim, start: start, length: length, step: step), self)
  }

  /// The slice at `index` of `dim`, without that dimension. SeeAlso: torch.select
  public func select(dim: Int, index: Int) -> Tensor {
    attempt(like: self) { () throws(OpError) in apply(try Primitives.Select(dim: dim, index: index, of: shape), self) }
  }

  /// All slices along `dim`. SeeAlso: torch.unbind
  public func unbind(dim: Int = 0) -> [Tensor] {
    if isPoisoned { return standIns(nil) }
    return attempt(standIns(nil)) { () throws(OpError) in
      guard rank > 0 else { throw OpError("unbind", "cannot be applied to a 0-d tensor") }
      let d = try normalizedDim(dim, rank: rank, op: "unbind")
      return shape[d] == 0 ? [] : apply(Primitives.Unbind(dim: d, count: shape[d]), [self])
    }
  }

  /// A copy in which that slice is replaced by `source`. SeeAlso: torch.slice_scatter
  public func sliceScatter(_ source: Tensor, dim: Int = 0, start: Int? = nil, end: Int? = nil, step: Int = 1) -> Tensor
  {
    attempt(like: self) { () throws(OpError) in
      let op = try Primitives.Slice(dim: dim, start: start, end: end, step: step, of: shape)
      return try scattering(op, source, exact: true)
    }
  }

  /// A copy in which the slice at `index` of `dim` is replaced by `source`. SeeAlso: torch.select_scatter
  public func selectScatter(_ source: Tensor, dim: Int, index: Int) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try scattering(try Primitives.Select(dim: dim, index: index, of: shape), source, exact: true)
    }
  }

  /// A copy in which the view is replaced by `source`, of the view's shape if `exact`.
  func scattering<V: ViewPrimitive>(_ view: V, _ source: Tensor, exact: Bool) throws(OpError) -> Tensor {
    let target = try view.layout(of: Layout(shape)).shape
    if exact && source.shape != target {
      throw OpError(Primitives.EmbedView<V>.name, "expected values of shape \(target), got \(source.spec)")
    }
    return apply(Primitives.EmbedView(view: view), self, source)
  }
}

extension Primitives {
  /// Every `step`-th place of a dimension.
  package struct Slice: ViewPrimitive {
    package static let name = "slice"
    package let dim, start, length, step: Int

    package init(dim: Int, start: Int, length: Int, step: Int) {
      (self.dim, self.start, self.length, self.step) = (dim, start, length, step)
    }

    /// Bounds as a Python slice gives them.
    package init(dim: Int, start: Int?, end: Int?, step: Int, of shape: Shape) throws(OpError) {
      guard shape.count > 0 else { throw OpError("slice", "cannot be applied to a 0-d tensor") }
      let d = try normalizedDim(dim, rank: shape.count, op: "slice")
      guard step > 0 else { throw OpError("slice", "step must be greater than zero, got \(step)") }
      let size = shape[d]
      func clamp(_ i: Int, _ low: Int) -> Int { min(max(i < 0 ? i + size : i, low), size) }
      let from = clamp(start ?? 0, 0)
      let to = clamp(end ?? size, from)
      self.init(dim: d, start: from, length: to > from ? (to - from - 1) / step + 1 : 0, step: step)
    }

    package func layout(of input: Layout) throws(OpError) -> Layout {
      var result = input
      result.offset += start * input.strides[dim]
      result.shape[dim] = length
      // Of one place the stride is never used, and may be too large for an Int.
      result.strides[dim] = length > 1 ? result.strides[dim] * step : result.strides[dim] &* step
      return result
    }

    package var attributes: [(String, String)] {
      [("dim", "\(dim)"), ("start", "\(start)"), ("length", "\(length)"), ("step", "\(step)")]
    }

    package var gradient: Gradient { adjointGradient }
  }
}

extension Primitives {
  /// One place of a dimension.
  package struct Select: ViewPrimitive {
    package static let name = "select"
    package let dim, index: Int

    package init(dim: Int, index: Int) { (self.dim, self.index) = (dim, index) }

    package init(dim: Int, index: Int, of shape: Shape) throws(OpError) {
      guard shape.count > 0 else { throw OpError("select", "cannot be applied to a 0-d tensor") }
      let d = try normalizedDim(dim, rank: shape.count, op: "select")
      guard index >= -shape[d] && index < shape[d] else {
        throw OpError("select", "index \(index) is out of range for dimension \(d) with size \(shape[d])")
      }
      self.init(dim: d, index: index < 0 ? index + shape[d] : index)
    }

    package func layout(of input: Layout) throws(OpError) -> Layout {
      var result = input
      result.offset += index * input.strides[dim]
      result.shape.remove(at: dim)
      result.strides.remove(at: dim)
      return result
    }

    package var attributes: [(String, String)] { [("dim", "\(dim)"), ("index", "\(index)")] }

    package var gradient: Gradient { adjointGradient }
  }
}
