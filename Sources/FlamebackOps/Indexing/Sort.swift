import CKernels
import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The elements in ascending (or descending) order along `dim`, and where they stood. NaN counts as the greatest; equal
  /// elements keep their order, `stable` or not. SeeAlso: torch.sort
  public func sort(dim: Int = -1, descending: Bool = false, stable: Bool = false) -> (values: Tensor, indices: Tensor) {
    selection("sort", dim) { (d) throws(OpError) in Primitives.Selection(kind: .sort(descending: descending), dim: d) }
  }

  /// The order that `sort` finds. SeeAlso: torch.argsort
  public func argsort(dim: Int = -1, descending: Bool = false, stable: Bool = false) -> Tensor {
    sort(dim: dim, descending: descending, stable: stable).indices
  }

  /// Sorted along the first dimension. SeeAlso: torch.msort
  public func msort() -> Tensor { sort(dim: 0).values }

  /// The `k` greatest (or smallest) elements along `dim`, in order if `sorted`, and where they stood.
  /// SeeAlso: torch.topk
  public func topk(_ k: Int, dim: Int = -1, largest: Bool = true, sorted: Bool = true) -> (
    values: Tensor, indices: Tensor
  ) {
    selection("topk", dim) { (d) throws(OpError) in
      guard k >= 0 && k <= (rank == 0 ? 1 : shape[d]) else {
        throw OpError("topk", "k = \(k) is out of range for dim \(d) of \(spec)")
      }
      return Primitives.Selection(kind: .topk(k, largest: largest, sorted: sorted), dim: d)
    }
  }

  /// The `k`-th smallest element along `dim`, counted from 1, and where it stood. SeeAlso: torch.kthvalue
  public func kthvalue(_ k: Int, dim: Int = -1, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    let found = selection("kthvalue", dim) { (d) throws(OpError) in
      guard k >= 1 && k <= (rank == 0 ? 1 : shape[d]) else {
        throw OpError("kthvalue", "k = \(k) is out of range for dim \(d) of \(spec)")
      }
      return Primitives.Selection(kind: .kth(k), dim: d)
    }
    if keepDim || rank == 0 || found.values.isPoisoned { return found }
    return (found.values.squeeze(dim), found.indices.squeeze(dim))
  }

  private func selection(_ op: String, _ dim: Int, _ make: (Int) throws(OpError) -> Primitives.Selection) -> (
    values: Tensor, indices: Tensor
  ) {
    let results = attempt(like: self, count: 2) { () throws(OpError) in
      guard !dtype.isComplex else { throw OpError(op, "complex numbers have no order: \(spec)") }
      return apply(try make(try normalizedDim(dim, rank: rank, op: op)), [self])
    }
    return (results[0], results[1])
  }
}

extension Primitives {
  /// Elements of a dimension chosen by their order: values and positions.
  package struct Selection: Primitive {
    package enum Kind: Sendable {
      case sort(descending: Bool)
      case topk(Int, largest: Bool, sorted: Bool)
      case kth(Int)
    }

    package static let name = "sort"
    package let kind: Kind
    package let dim: Int

    package var families: DType.Family {
      switch kind {
      case .sort: .unsigned
      case .topk, .kth: []
      }
    }
    package var name: String {
      switch kind {
      case .sort: "sort"
      case .topk: "topk"
      case .kth: "kthvalue"
      }
    }
    package var attributes: [(String, String)] { [("dim", "\(dim)"), ("kind", "\(kind)")] }

    package var outputCount: Int { 2 }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      var values = inputs[0]
      if case .sort = kind {
      } else if values.dtype == .bool || values.dtype.isComplex {
        throw OpError(name, "not defined for \(values.dtype)")
      }
      if values.rank > 0 {
        switch kind {
        case .sort: break
        case .topk(let k, _, _): values.shape[dim] = k
        case .kth: values.shape[dim] = 1
        }
      } else if case .topk(0, _, _) = kind {
        values.shape = [0]
      }
      return [values, TensorSpec(shape: values.shape, dtype: .int64, device: values.device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, values, indices) = (inputs[0], outputs[0].pointer, outputs[1].int64s)
      let (outer, n, inner) = x.around(dim)
      let lines = Int(outer * inner)
      ThreadPool.run(count: lines, grain: max(1, 4096 / max(Int(n), 1))) { range in
        let (begin, end) = (Int64(range.lowerBound), Int64(range.upperBound))
        switch kind {
        case .sort(let descending):
          fb_sort(x.code, x.pointer, outer, n, inner, descending, values, indices, begin, end)
        case .topk(let k, let largest, let sorted):
          fb_topk(x.code, x.pointer, outer, n, inner, Int64(k), largest, sorted, values, indices, begin, end)
        case .kth(let k):
          fb_kthvalue(x.code, x.pointer, outer, n, inner, Int64(k), values, indices, begin, end)
        }
      }
    }

    package var gradient: Gradient {
      .pullback(keeps: .output(1)) { [dim] cotangents, saved in
        guard let g = cotangents[0] else { return [nil] }
        return [Tensor.zeros(like: g, saved.spec(0).shape).scatter(dim: dim, index: saved.output(1), src: g)]
      }
    }
  }
}
