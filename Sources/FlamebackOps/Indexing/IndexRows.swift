import CKernels
import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The places of `dim` that a 1-d index names. SeeAlso: torch.index_select
  public func indexSelect(dim: Int, index: Tensor) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let d = try normalizedDim(dim, rank: rank, op: "indexSelect")
      guard index.rank <= 1 else { throw OpError("indexSelect", "index must have at most 1 dimension: \(index.spec)") }
      let indices = try index.asIndex("indexSelect").atLeast1d()
      if rank == 0 { return apply(Primitives.IndexSelect(dim: 0), atLeast1d(), indices).reshape([]) }
      return apply(Primitives.IndexSelect(dim: d), self, indices)
    }
  }

  /// A copy with `alpha · source` added to the places of `dim` that `index` names. SeeAlso: torch.index_add
  public func indexAdd(dim: Int, index: Tensor, source: Tensor, alpha: some ScalarConvertible = 1) -> Tensor {
    let isOne = alpha.scalar == .int(1) || alpha.scalar == .float(1)
    return rows("indexAdd", dim, index, isOne ? source : (source * alpha).to(source.dtype), .sum, true)
  }

  /// A copy with `source` at the places of `dim` that `index` names. SeeAlso: torch.index_copy
  public func indexCopy(dim: Int, index: Tensor, source: Tensor) -> Tensor {
    rows("indexCopy", dim, index, source, nil, true)
  }

  /// A copy with `source` combined with the places of `dim` that `index` names. SeeAlso: torch.index_reduce
  public func indexReduce(
    dim: Int, index: Tensor, source: Tensor, reduce: ScatterReduction, includeSelf: Bool = true
  ) -> Tensor { rows("indexReduce", dim, index, source, reduce, includeSelf) }

  /// A copy with `value` at the places of `dim` that `index` names. SeeAlso: torch.index_fill
  public func indexFill(dim: Int, index: Tensor, value: some ScalarConvertible) -> Tensor {
    indexFill(dim: dim, index: index, value: Tensor.full([], value.scalar, dtype: dtype, device: device))
  }

  /// A copy with a 0-d tensor's value at the places of `dim` that `index` names. SeeAlso: torch.index_fill
  public func indexFill(dim: Int, index: Tensor, value: Tensor) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let d = try normalizedDim(dim, rank: rank, op: "indexFill")
      guard value.rank == 0 else { throw OpError("indexFill", "the value must be a 0-d tensor, got \(value.spec)") }
      guard index.rank <= 1 else { throw OpError("indexFill", "index must have at most 1 dimension: \(index.spec)") }
      guard !(value.dtype.isComplex && !dtype.isComplex) else {
        throw OpError("indexFill", "a complex value does not fit \(spec)")
      }
      let indices = try index.asIndex("indexFill").atLeast1d()
      return apply(Primitives.IndexFill(dim: d), [self, indices, value.to(dtype)])[0]
    }
  }

  private func rows(
    _ op: String, _ dim: Int, _ index: Tensor, _ source: Tensor, _ reduction: ScatterReduction?, _ includeSelf: Bool
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let d = try normalizedDim(dim, rank: rank, op: op)
      guard index.rank <= 1 else { throw OpError(op, "index must have at most 1 dimension: \(index.spec)") }
      guard source.dtype == dtype else { throw OpError(op, "dtypes must agree: \(spec) × \(source.spec)") }
      let indices = try index.asIndex(op).atLeast1d()
      var expected = atLeast1d().shape
      expected[d] = indices.elementCount
      var source = source
      if source.shape != expected {
        guard source.elementCount == expected.elementCount, source.rank == 0 || rank <= 1 else {
          throw OpError(op, "source must have shape \(expected): \(spec) × \(index.spec) × \(source.spec)")
        }
        source = source.reshaped(expected)
      }
      let primitive = Primitives.IndexRows(dim: d, reduction: reduction, includeSelf: includeSelf)
      let result = apply(primitive, [atLeast1d(), indices, source])[0]
      return rank == 0 ? result.reshaped([]) : result
    }
  }
}

extension Primitives {
  /// The places of a dimension that an index names.
  package struct IndexSelect: Primitive {
    package static let name = "index_select"
    package let dim: Int

    package var families: DType.Family { .all }
    package var attributes: [(String, String)] { [("dim", "\(dim)")] }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      var result = inputs[0]
      result.shape[dim] = inputs[1].shape[0]
      return [result]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, index, out) = (inputs[0], inputs[1], outputs[0])
      let (outer, n, inner) = x.around(dim)
      let count = Int64(index.elementCount)
      let bad = runChecked(outer * count, grain: max(1, 16384 / max(Int(inner), 1))) { begin, end in
        fb_index_select(x.itemSize, x.pointer, outer, n, inner, index.int64s, count, out.pointer, begin, end)
      }
      if bad >= 0 { throw outOfRange("indexSelect", index.int64s[Int(bad % count)], dim, n) }
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      [apply(Primitives.Index(plan: IndexPlan(dims: [dim], isFront: false)), inputs)[0]]
    }

    package var gradient: Gradient {
      .pullback(keeps: .input(1)) { [dim] cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil] }
        return [Tensor.zeros(like: g, saved.spec(0).shape).indexAdd(dim: dim, index: saved.input(1), source: g), nil]
      }
    }
  }
}

extension Primitives {
  /// Slices written to, or combined with, places of a dimension. Inputs: base, index, source.
  package struct IndexRows: Primitive {
    package static let name = "index_rows"
    package let dim: Int
    package let reduction: ScatterReduction?
    package let includeSelf: Bool

    package var families: DType.Family { reduction == nil ? .all : .unsigned }
    package var acceptsStrides: Bool { true }
    package var donates: Kept { .input(0) }
    package var attributes: [(String, String)] {
      [("dim", "\(dim)"), ("reduce", reduction?.rawValue ?? "none"), ("includeSelf", "\(includeSelf)")]
    }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      try checkOrder(reduction, inputs[0], "indexReduce")
      return [inputs[0]]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, out) = (inputs[0], outputs[0])
      let (index, source) = (try Packed(inputs[1]), try Packed(inputs[2]))
      let (outer, n, inner) = x.around(dim)
      let count = Int64(inputs[1].elementCount)
      for i in 0..<Int(count) where index.int64s[i] < 0 || index.int64s[i] >= n {
        throw outOfRange(reduction == nil ? "indexCopy" : "indexAdd", index.int64s[i], dim, n)
      }
      x.copyUnlessDonated(to: out)
      CopiedBytes.add(inputs[2].byteCount)
      if count == 0 || outer * inner == 0 { return }
      // Every part reads all indices, so there are few, and only where rows are long.
      let width = Int(outer * inner)
      let isWorthIt = width >= 8 && width * Int(count) >= 65536
      let grain = isWorthIt ? max(1, Int(n) / (2 * ThreadPool.threadCount)) : Int(n)
      _ = runChecked(n, grain: grain) { begin, end in
        fb_index_rows(
          x.code, reduction?.code ?? Int32(FB_SCATTER_ASSIGN), includeSelf, out.pointer, outer, n, inner, index.int64s,
          count, source.pointer, begin, end)
      }
    }

    /// Rows as elements: the index is repeated over a slice.
    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let (x, source) = (inputs[0], inputs[2])
      var column = [Int](repeating: 1, count: max(x.rank, 1))
      column[dim] = inputs[1].elementCount
      let size = x.rank == 0 ? 1 : x.shape[dim]
      let index = FlamebackOps.select(where: inputs[1] .< 0, inputs[1] + size, inputs[1]).reshape(column)
        .expanded(to: source.atLeast1d().shape)
      let scatter = Primitives.Scatter(dim: dim, reduction: reduction, includeSelf: includeSelf)
      return [apply(scatter, [x.atLeast1d(), index, source.atLeast1d()])[0].reshape(x.shape)]
    }

    package var gradient: Gradient {
      var kept: Kept = .input(1)
      if let reduction, reduction != .sum, reduction != .mean { kept = [.inputs, .output(0)] }
      if reduction == .mean { kept = [.input(1), .input(2)] }
      return .pullback(keeps: kept) { [self] cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil, nil] }
        let index = saved.input(1)
        func clear(_ x: Tensor) -> Tensor { x.indexFill(dim: dim, index: index, value: 0) }
        guard let reduction else { return [clear(g), nil, g.indexSelect(dim: dim, index: index)] }
        if reduction == .sum && includeSelf { return [g, nil, g.indexSelect(dim: dim, index: index)] }
        let needsValues = reduction != .sum && reduction != .mean
        let both = combinedGradients(
          reduction, includeSelf: includeSelf, g, base: needsValues ? saved.input(0) : g,
          source: reduction == .sum ? g : saved.input(2), result: needsValues ? saved.output(0) : g,
          spread: { $0.indexAdd(dim: dim, index: index, source: $1) },
          collect: { $0.indexSelect(dim: dim, index: index) },
          combine: { $0.indexReduce(dim: dim, index: index, source: $1, reduce: reduction, includeSelf: includeSelf) },
          clear: clear)
        return [both[0], nil, both[1]]
      }
    }
  }
}

/// Each index once: a place filled twice passes its gradient once.
private func distinct(_ index: Tensor) -> Tensor {
  let values = Set(index.scalars(Int.self)).sorted()
  return Tensor(values, shape: [values.count], device: index.device)
}

extension Primitives {
  /// One value at places of a dimension. Inputs: base, index, value.
  package struct IndexFill: Primitive {
    package static let name = "index_fill"
    package let dim: Int

    package var families: DType.Family { .all }
    package var donates: Kept { .input(0) }
    package var attributes: [(String, String)] { [("dim", "\(dim)")] }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] { [inputs[0]] }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, index, out) = (inputs[0], inputs[1], outputs[0])
      x.copyUnlessDonated(to: out)
      let (outer, n, inner) = x.around(dim)
      CopiedBytes.add(index.elementCount * Int(outer * inner) * x.dtype.byteSize)
      let bad = fb_index_fill(
        x.itemSize, out.pointer, outer, n, inner, index.int64s, Int64(index.elementCount), inputs[2].pointer)
      if bad >= 0 { throw outOfRange("indexFill", index.int64s[Int(bad)], dim, n) }
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let x = inputs[0].atLeast1d()
      let put = Primitives.IndexPut(plan: IndexPlan(dims: [dim], isFront: false), accumulates: false)
      return [apply(put, x, inputs[2].to(x.dtype), inputs[1].atLeast1d()).reshape(inputs[0].shape)]
    }

    package var gradient: Gradient {
      .pullback(keeps: .input(1)) { [self] cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil, nil] }
        let index = saved.input(1)
        let dim = self.dim
        return [
          saved.needs(0) ? g.indexFill(dim: dim, index: index, value: 0) : nil, nil,
          saved.needs(2) ? g.indexSelect(dim: dim, index: distinct(index)).summed(to: []) : nil,
        ]
      }
    }
  }
}
