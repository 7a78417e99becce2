import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// Counts (or sums of weights) of points in the boxes that ascending edges make; the last dimension holds the
  /// coordinates. `density` makes the volume 1. SeeAlso: torch.histogramdd
  public func histogramdd(
    edges: [Tensor], weight: Tensor? = nil, density: Bool = false
  ) -> (hist: Tensor, edges: [Tensor]) {
    let hist = attempt(like: self) { () throws(OpError) in
      let op = "histogramdd"
      guard dtype == .float32 || dtype == .float64, edges.allSatisfy({ $0.dtype == dtype }) else {
        throw OpError(op, "expects a tensor and edges of one floating point dtype: \(spec) × \(edges.map(\.spec))")
      }
      guard rank >= 2, edges.count == shape[rank - 1], edges.allSatisfy({ $0.rank == 1 && $0.elementCount > 0 }) else {
        throw OpError(op, "expects points with \(edges.count) coordinates and vectors of edges, got \(spec)")
      }
      guard weight == nil || weight!.dtype == dtype && weight!.shape == Shape(shape.dropLast()) else {
        throw OpError(op, "weights \(weight!.spec) do not fit the points \(spec)")
      }
      return noGrad { boxed(edges, weight, density) }
    }
    return (hist, edges)
  }

  private func boxed(_ edges: [Tensor], _ weight: Tensor?, _ density: Bool) -> Tensor {
    let points = detached().reshape([-1, edges.count])
    let counts = edges.map { $0.elementCount - 1 }
    var place = Tensor.zeros([points.shape[0]], dtype: .int64, device: device)
    var isInside = Tensor.ones([points.shape[0]], dtype: .bool, device: device)
    for (d, edge) in edges.enumerated() {
      let x = points.select(dim: 1, index: d).contiguous()
      let isLast = x .== edge.select(dim: 0, index: counts[d])  // the last box has its upper edge
      let bin = x.bucketize(edge.contiguous(), right: true) - 1 - isLast.to(.int64)
      isInside = isInside.logicalAnd(bin .>= 0).logicalAnd(bin .< counts[d])
      place = place * counts[d] + bin
    }
    let kept = isInside.nonzero().reshape(-1)
    let total = counts.reduce(1, *)
    let ones = Tensor.ones([points.shape[0]], dtype: dtype, device: device)
    let values = (weight?.detached().reshape(-1) ?? ones).indexSelect(dim: 0, index: kept)
    let sums = Tensor.zeros([total], dtype: dtype, device: device)
      .indexAdd(dim: 0, index: place.indexSelect(dim: 0, index: kept), source: values)
    var hist = sums.reshape(counts)
    guard density else { return hist }
    hist = hist / hist.sum()
    for (d, edge) in edges.enumerated() {
      var shape = Array(repeating: 1, count: counts.count)
      shape[d] = counts[d]
      hist = hist / (edge.slice(start: 1) - edge.slice(end: -1)).reshape(shape)
    }
    return hist
  }

  /// `histogramdd` over equal intervals: `bins[d]` of `ranges[d]`, by default of the coordinates' own range.
  /// SeeAlso: torch.histogramdd
  public func histogramdd(
    bins: [Int], ranges: [(Double, Double)]? = nil, weight: Tensor? = nil, density: Bool = false
  ) -> (hist: Tensor, edges: [Tensor]) {
    let edges = attempt([self]) { () throws(OpError) in
      guard rank >= 2, bins.count == shape[rank - 1], ranges == nil || ranges!.count == bins.count else {
        throw OpError("histogramdd", "\(bins.count) bins and \(ranges?.count ?? bins.count) ranges do not fit \(spec)")
      }
      guard bins.allSatisfy({ $0 > 0 && $0 < Int.max }) else {
        throw OpError("histogramdd", "bins must be positive and below 2⁶³ − 1, got \(bins)")
      }
      _ = try sized("histogramdd") { .product(bins) }
      let points = detached().reshape([-1, bins.count])
      var edges: [Tensor] = []
      for (d, count) in bins.enumerated() {
        let x = points.select(dim: 1, index: d)
        var (low, high) = ranges?[d] ?? (0, 1)
        if ranges == nil, x.elementCount > 0 { (low, high) = (x.min().itemDouble(), x.max().itemDouble()) }
        guard low.isFinite, high.isFinite, low <= high else {
          throw OpError("histogramdd", "the range [\(low), \(high)] of dimension \(d) is not finite or not ascending")
        }
        if low == high { (low, high) = (low - 0.5, high + 0.5) }
        edges.append(Tensor.linspace(low, high, count + 1, dtype: dtype, device: device))
      }
      return edges
    }
    if isPoisoned || edges.count != bins.count { return (self, edges) }
    return histogramdd(edges: edges, weight: weight, density: density)
  }
}
