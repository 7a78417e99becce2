import CKernels
import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// `out[i][j] = self[index[i][j]][j]` for dim 0, and so on: the elements that `index` names along `dim`.
  /// SeeAlso: torch.gather
  public func gather(dim: Int, index: Tensor) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let d = try normalizedDim(dim, rank: rank, op: "gather")
      let indices = try index.asIndex("gather")
      if index.elementCount == 0 && index.rank != rank { return newEmpty(index.shape) }
      if rank == 0 || index.rank == 0 {
        guard rank <= 1 && index.rank <= 1 else { throw mismatch("gather", index) }
        return apply(Primitives.Gather(dim: 0), atLeast1d(), indices.atLeast1d()).reshaped(index.shape)
      }
      return apply(Primitives.Gather(dim: d), self, indices)
    }
  }

  private func mismatch(_ op: String, _ index: Tensor) -> OpError {
    OpError(op, "index must have as many dimensions as the tensor: \(spec) × \(index.spec)")
  }

  /// `gather` after broadcasting all dimensions but `dim`; without `dim` on the flattened tensors.
  /// SeeAlso: torch.take_along_dim
  public func takeAlongDim(_ indices: Tensor, dim: Int? = nil) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard let dim else { return reshape(-1).gather(dim: 0, index: indices.reshape(-1)) }
      guard rank == indices.rank else { throw mismatch("takeAlongDim", indices) }
      let d = try normalizedDim(dim, rank: rank, op: "takeAlongDim")
      var own = shape
      var others = indices.shape
      if rank > 0 {
        own[d] = 1
        others[d] = 1
      }
      var common = try broadcastShapes([own, others], op: "takeAlongDim")
      guard rank > 0 else { return gather(dim: 0, index: indices) }
      common[d] = shape[d]
      let source = expanded(to: common)
      common[d] = indices.shape[d]
      // Indices count modulo the size here, as in PyTorch.
      let places = shape[d] > 0 ? try indices.asIndex("takeAlongDim").remainder(shape[d]) : indices
      return source.gather(dim: d, index: places.expanded(to: common))
    }
  }

  /// A copy with `src` written to the places that `index` names along `dim`. Among equal indices the last one counts.
  /// SeeAlso: torch.scatter
  public func scatter(dim: Int, index: Tensor, src: Tensor) -> Tensor {
    scattered("scatter", dim, index, src, nil, true)
  }

  /// A copy with `value` at the places that `index` names along `dim`. SeeAlso: torch.scatter
  public func scatter(dim: Int, index: Tensor, value: some ScalarConvertible) -> Tensor {
    scattered("scatter", dim, index, constant(value.scalar, index.shape), nil, true)
  }

  /// A copy with `src` added (or multiplied) at the places that `index` names. SeeAlso: torch.scatter with reduce
  public func scatter(dim: Int, index: Tensor, src: Tensor, reduce: ScatterReduction) -> Tensor {
    scattered("scatter", dim, index, src, reduce, true)
  }

  /// A copy with `value` added (or multiplied) at the places that `index` names. SeeAlso: torch.scatter with reduce
  public func scatter(
    dim: Int, index: Tensor, value: some ScalarConvertible, reduce: ScatterReduction
  ) -> Tensor { scattered("scatter", dim, index, constant(value.scalar, index.shape), reduce, true) }

  /// A copy with `src` added at the places that `index` names along `dim`. SeeAlso: torch.scatter_add
  public func scatterAdd(dim: Int, index: Tensor, src: Tensor) -> Tensor {
    scattered("scatterAdd", dim, index, src, .sum, true)
  }

  /// A copy with `src` combined at the places that `index` names along `dim`; without `includeSelf` the old values there
  /// do not take part. SeeAlso: torch.scatter_reduce
  public func scatterReduce(
    dim: Int, index: Tensor, src: Tensor, reduce: ScatterReduction, includeSelf: Bool = true
  ) -> Tensor { scattered("scatterReduce", dim, index, src, reduce, includeSelf) }

  private func constant(_ value: Scalar, _ shape: Shape) -> Tensor {
    Tensor.full([], value, dtype: dtype, device: device).expanded(to: shape)
  }

  private func scattered(
    _ op: String, _ dim: Int, _ index: Tensor, _ src: Tensor, _ reduction: ScatterReduction?, _ includeSelf: Bool
  ) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      let d = try normalizedDim(dim, rank: rank, op: op)
      guard src.dtype == dtype else { throw OpError(op, "dtypes must agree: \(spec) × \(src.spec)") }
      let primitive = Primitives.Scatter(dim: rank == 0 ? 0 : d, reduction: reduction, includeSelf: includeSelf)
      if index.elementCount == 0 { return clone() }
      let indices = try index.asIndex(op)
      if rank == 0 || index.rank == 0 || src.rank == 0 {
        guard rank <= 1, index.rank <= 1, src.rank <= 1 else { throw mismatch(op, index) }
        return apply(primitive, [atLeast1d(), indices.atLeast1d(), src.atLeast1d()])[0].reshaped(shape)
      }
      guard index.rank == rank else { throw mismatch(op, index) }
      var source = src
      if source.shape != index.shape {
        guard src.rank == index.rank, zip(index.shape, src.shape).allSatisfy({ $0 <= $1 }) else {
          throw OpError(op, "index must not be larger than src: \(index.spec) × \(src.spec)")
        }
        for e in 0..<rank { source = source.sliced(e, 0, index.shape[e], 1) }
      }
      return apply(primitive, [self, indices, source])[0]
    }
  }
}

extension Primitives {
  /// Elements named along a dimension.
  package struct Gather: Primitive {
    package static let name = "gather"
    package let dim: Int

    package var families: DType.Family { .all }
    package var acceptsStrides: Bool { true }
    package var attributes: [(String, String)] { [("dim", "\(dim)")] }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      try checkIndex("gather", inputs[0], inputs[1], dim)
      return [TensorSpec(shape: inputs[1].shape, dtype: inputs[0].dtype, device: inputs[0].device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, out) = (inputs[0], outputs[0])
      if out.elementCount == 0 { return }
      let index = try Packed(inputs[1])
      let bad = out.shape.withUnsafePointer { shape in
        x.strides.withUnsafePointer { strides in
          runChecked(fb_line_count(Int32(out.shape.count), shape, Int32(dim)), grain: lineGrain(out.shape, dim)) {
            begin, end in
            fb_gather(
              x.itemSize, Int32(out.shape.count), shape, Int32(dim), index.int64s, x.pointer, strides,
              Int64(x.shape[dim]), out.pointer, begin, end)
          }
        }
      }
      if bad >= 0 { throw outOfRange("gather", index.int64s[Int(bad)], dim, Int64(x.shape[dim])) }
    }

    package var gradient: Gradient {
      .pullback(keeps: .input(1)) { [dim] cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil] }
        let spec = saved.spec(0)
        return [Tensor.zeros(like: g, spec.shape).scatterAdd(dim: dim, index: saved.input(1), src: g), nil]
      }
    }
  }
}

private func checkIndex(_ op: String, _ x: TensorSpec, _ index: TensorSpec, _ dim: Int) throws(OpError) {
  guard index.rank == x.rank else {
    throw OpError(op, "index must have as many dimensions as the tensor: \(x) × \(index)")
  }
  for d in 0..<x.rank where d != dim && index.shape[d] > x.shape[d] {
    throw OpError(op, "index must not be larger than the tensor in dim \(d): \(x) × \(index), dim \(dim)")
  }
}

/// Lines along `dim` below which one thread does them all.
private func lineGrain(_ shape: Shape, _ dim: Int) -> Int { max(1, 16384 / max(1, shape[dim])) }

/// A tensor's elements side by side in memory.
struct Packed {
  private let storage: Storage?
  let pointer: UnsafeMutableRawPointer

  init(_ view: HostView) throws(OpError) {
    if view.layout.isContiguous {
      storage = nil
      pointer = view.pointer
      return
    }
    let memory = try Storage(byteCount: view.elementCount * view.dtype.byteSize, device: .cpu, op: "index")
    Strided.copy(view.pointer, view.dtype, view.strides, to: memory.address, view.dtype, nil, over: view.shape)
    storage = memory
    pointer = memory.address
  }

  var int64s: UnsafeMutablePointer<Int64> { pointer.assumingMemoryBound(to: Int64.self) }
}

extension Primitives {
  /// Values written, or combined with what is there, at the places named along a dimension. Inputs: base, index, source.
  package struct Scatter: Primitive {
    package static let name = "scatter"
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
      try checkIndex("scatter", inputs[0], inputs[1], dim)
      try checkOrder(reduction, inputs[0], "scatterReduce")
      return [inputs[0]]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, source, out) = (inputs[0], inputs[2], outputs[0])
      x.copyUnlessDonated(to: out)
      CopiedBytes.add(inputs[1].elementCount * x.dtype.byteSize)
      let shape = inputs[1].shape
      if shape.elementCount == 0 { return }
      let index = try Packed(inputs[1])
      let strides = out.shape.contiguousStrides
      let bad = shape.withUnsafePointer { shapePointer in
        source.strides.withUnsafePointer { sourceStrides in
          strides.withUnsafePointer { targetStrides in
            runChecked(
              fb_line_count(Int32(shape.count), shapePointer, Int32(dim)), grain: lineGrain(shape, dim)
            ) { begin, end in
              fb_scatter(
                x.code, reduction?.code ?? Int32(FB_SCATTER_ASSIGN), includeSelf, Int32(shape.count), shapePointer,
                Int32(dim), index.int64s, source.pointer, sourceStrides, out.pointer, targetStrides,
                Int64(out.shape[dim]), begin, end)
            }
          }
        }
      }
      if bad >= 0 { throw outOfRange("scatter", index.int64s[Int(bad)], dim, Int64(out.shape[dim])) }
    }

    package var gradient: Gradient {
      var kept: Kept = .input(1)
      if let reduction, reduction != .sum, reduction != .mean { kept = [.inputs, .output(0)] }
      if reduction == .mean { kept = [.input(1), .input(2)] }
      return .pullback(keeps: kept) { [self] cotangents, saved in
        guard let g = cotangents[0] else { return [nil, nil, nil] }
        let index = saved.input(1)
        func clear(_ x: Tensor) -> Tensor { x.scatter(dim: dim, index: index, value: 0) }
        guard let reduction else { return [clear(g), nil, g.gather(dim: dim, index: index)] }
        if reduction == .sum && includeSelf { return [g, nil, g.gather(dim: dim, index: index)] }
        let needsValues = reduction != .sum && reduction != .mean
        let both = combinedGradients(
          reduction, includeSelf: includeSelf, g, base: needsValues ? saved.input(0) : g,
          source: reduction == .sum ? g : saved.input(2), result: needsValues ? saved.output(0) : g,
          spread: { $0.scatterAdd(dim: dim, index: index, src: $1) }, collect: { $0.gather(dim: dim, index: index) },
          combine: { $0.scatterReduce(dim: dim, index: index, src: $1, reduce: reduction, includeSelf: includeSelf) },
          clear: clear)
        return [both[0], nil, both[1]]
      }
    }
  }
}
