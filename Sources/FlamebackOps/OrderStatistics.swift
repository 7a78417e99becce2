import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// The median or the mode along a dimension, and where it is.
  package struct OrderStatistic: Primitive {
    package static let name = "orderStatistic"
    package let name: String
    package let kind: OrderStatistics.Kind
    package let dims: ReducedDims
    /// The result stands for all equal elements, which share the gradient.
    package var sharesGradient = false

    package var outputCount: Int { 2 }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let x = inputs[0]
      if x.dtype.isComplex { throw OpError(name, "complex numbers have no order: \(x)") }
      if x.dtype == .bool, name != "mode" { throw OpError(name, "not defined for bool") }
      let shape = dims.resultShape(of: x.shape)
      return [x.dtype, .int64].map { TensorSpec(shape: shape, dtype: $0, device: x.device) }
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let x = inputs[0]
      OrderStatistics.run(
        kind, x.pointer, x.dtype, shape: x.shape, dim: dims.dims[0], values: outputs[0].pointer,
        indices: outputs[1].pointer.assumingMemoryBound(to: Int64.self))
    }

    package var attributes: [(String, String)] { dims.attributes }

    package var gradient: Gradient {
      sharesGradient ? .sharedByEqual(dims) : .selection(dim: dims.dims[0], keepDim: dims.keepDim)
    }
  }
}

extension Tensor {
  private func orderStatistic(
    _ op: String, _ kind: OrderStatistics.Kind, _ dim: Int, _ keepDim: Bool
  ) -> (values: Tensor, indices: Tensor) {
    let results = attempt(like: self, count: 2) { () throws(OpError) in
      let d = try normalizedDim(dim, rank: rank, op: op)
      if rank == 0 {
        return apply(
          Primitives.OrderStatistic(name: op, kind: kind, dims: ReducedDims([0], keepDim: false)), [reshape(1)])
      }
      guard shape[d] > 0 else { throw OpError(op, "dimension \(d) has size 0: \(spec)") }
      return apply(Primitives.OrderStatistic(name: op, kind: kind, dims: ReducedDims([d], keepDim: keepDim)), [self])
    }
    return (results[0], results[1])
  }

  private func fullMedian(_ op: String, _ kind: OrderStatistics.Kind) -> Tensor {
    if elementCount == 0 {
      return dtype.isFloatingPoint
        ? Tensor.full([], .float(.nan), dtype: dtype, device: device)
        : fail(op, "an empty tensor has none: \(spec)", like: TensorSpec(shape: [], dtype: dtype))
    }
    let statistic = Primitives.OrderStatistic(
      name: op, kind: kind, dims: ReducedDims([0], keepDim: false), sharesGradient: true)
    return apply(statistic, [reshape(-1)])[0]
  }

  /// The lower median of all elements; NaN if there is one. SeeAlso: torch.median
  public func median() -> Tensor { fullMedian("median", .median) }

  /// The lower medians along `dim` and where they are. SeeAlso: torch.median
  public func median(dim: Int, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    orderStatistic("median", .median, dim, keepDim)
  }

  /// The lower median of the elements that are not NaN. SeeAlso: torch.nanmedian
  public func nanmedian() -> Tensor { fullMedian("nanmedian", .nanMedian) }

  /// The lower medians of the elements along `dim` that are not NaN. SeeAlso: torch.nanmedian
  public func nanmedian(dim: Int, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    orderStatistic("nanmedian", .nanMedian, dim, keepDim)
  }

  /// The most frequent values along `dim` (the smallest of them) and where they are. SeeAlso: torch.mode
  public func mode(dim: Int = -1, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    orderStatistic("mode", .mode, dim, keepDim)
  }
}
