import CKernels
import FlamebackCore
import FlamebackKernels

/// Which dimensions of a tensor are read through index arrays, and where the arrays' common shape goes in the result:
/// in the place of the dimensions if they are neighbours, in front otherwise (NumPy's rule).
package struct IndexPlan: Sendable {
  package let dims: [Int]
  package let isFront: Bool

  package init(dims: [Int], isFront: Bool? = nil) {
    self.dims = dims
    self.isFront = isFront ?? zip(dims, dims.dropFirst()).contains { $1 != $0 + 1 }
  }

  /// Where the indices' dimensions start in the result.
  package var place: Int { isFront ? 0 : dims.first ?? 0 }

  package func resultShape(of shape: Shape, indices: Shape) -> Shape {
    var kept = (0..<shape.count).filter { !dims.contains($0) }.map { shape[$0] }
    kept.insert(contentsOf: indices, at: place)
    return Shape(kept)
  }

  /// Calls `body` with the arguments of the kernels. `target` is what is read or written; `indices` have been broadcast.
  package func withArguments<R>(_ target: HostView, _ indices: [HostView], _ body: (UnsafePointer<fb_index_args>) -> R)
    -> R
  {
    let common = indices.first?.shape ?? []
    let shape = resultShape(of: target.shape, indices: common)
    let rank = shape.count
    var strides = [Int64](repeating: 0, count: max(rank, 1))
    var indexStrides = [Int64](repeating: 0, count: max(rank * indices.count, 1))
    let kept = (0..<target.shape.count).filter { !dims.contains($0) }
    for (i, d) in kept.enumerated() { strides[i < place ? i : i + common.count] = Int64(target.strides[d]) }
    for (a, index) in indices.enumerated() {
      for j in 0..<common.count { indexStrides[a * rank + place + j] = Int64(index.strides[j]) }
    }
    let pointers: [UnsafePointer<Int64>?] = indices.map { UnsafePointer($0.int64s) }
    let sizes = dims.map { Int64(target.shape[$0]) }
    let indexed = dims.map { Int64(target.strides[$0]) }
    return shape.withUnsafePointer { shapePointer in
      strides.withUnsafeBufferPointer { strides in
        indexStrides.withUnsafeBufferPointer { indexStrides in
          pointers.withUnsafeBufferPointer { pointers in
            sizes.withUnsafeBufferPointer { sizes in
              indexed.withUnsafeBufferPointer { indexed in
                var args = fb_index_args(
                  ndim: Int32(rank), n_indices: Int32(indices.count), shape: shapePointer,
                  strides: strides.baseAddress, indices: pointers.baseAddress,
                  index_strides: indexStrides.baseAddress, sizes: sizes.baseAddress,
                  indexed_strides: indexed.baseAddress)
                return body(&args)
              }
            }
          }
        }
      }
    }
  }

  /// The first index that lies outside, for the message.
  package func complaint(_ op: String, _ indices: [HostView], _ shape: Shape) -> OpError {
    for (a, index) in indices.enumerated() {
      let size = Int64(shape[dims[a]])
      var bad: Int64?
      Strided.forEachOffset(index.shape, index.strides, index.strides) { i, _ in
        let value = index.int64s[i]
        if bad == nil && (value < -size || value >= size) { bad = value }
      }
      if let bad { return outOfRange(op, bad, dims[a], size) }
    }
    return OpError(op, "an index is out of bounds for \(shape)")
  }
}

extension Primitives {
  /// Elements read through index arrays. Inputs: the tensor, an index for each of the plan's dimensions, all of one shape.
  package struct Index: Primitive {
    package static let name = "index"
    package let plan: IndexPlan

    package var families: DType.Family { .all }
    package var acceptsStrides: Bool { true }
    package var attributes: [(String, String)] { [("dims", plan.dims.description)] }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      [
        TensorSpec(
          shape: plan.resultShape(of: inputs[0].shape, indices: inputs[1].shape), dtype: inputs[0].dtype,
          device: inputs[0].device)
      ]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, out) = (inputs[0], outputs[0])
      let indices = Array(inputs.dropFirst())
      let bad = plan.withArguments(x, indices) { args in
        runChecked(Int64(out.elementCount), grain: 16384) { begin, end in
          fb_index_get(args, x.itemSize, x.pointer, out.pointer, begin, end)
        }
      }
      // Without elements nothing is read, but a wrong index is still wrong.
      if bad >= 0 { throw plan.complaint("index", indices, x.shape) }
    }

    package var gradient: Gradient {
      .pullback(keeps: Kept(rawValue: Kept.inputs.rawValue & ~Kept.input(0).rawValue)) { [plan] cotangents, saved in
        let none: [Tensor?] = Array(repeating: nil, count: saved.inputCount - 1)
        guard let g = cotangents[0] else { return [nil] + none }
        let zeros = Tensor.zeros(saved.spec(0).shape, dtype: g.dtype, device: g.device)
        let indices = (1..<saved.inputCount).map { saved.input($0) }
        return [apply(Primitives.IndexPut(plan: plan, accumulates: true), [zeros, g] + indices)[0]] + none
      }
    }
  }
}

extension Primitives {
  /// Values written, or added, through index arrays. Inputs: base, values (broadcast to the places), indices.
  package struct IndexPut: Primitive {
    package static let name = "index_put"
    package let plan: IndexPlan
    package let accumulates: Bool

    package var families: DType.Family { accumulates ? .unsigned : .all }
    package var acceptsStrides: Bool { true }
    package var donates: Kept { .input(0) }
    package var attributes: [(String, String)] { [("dims", plan.dims.description), ("accumulate", "\(accumulates)")] }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let places = plan.resultShape(of: inputs[0].shape, indices: inputs[2].shape)
      guard Shape.broadcast(inputs[1].shape, places) == places else {
        throw OpError(
          "indexPut", "values \(inputs[1]) do not broadcast to the indexed places \(places) of \(inputs[0])")
      }
      return [inputs[0]]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let (x, out) = (inputs[0], outputs[0])
      x.copyUnlessDonated(to: out)
      try write(inputs[1], Array(inputs.dropFirst(2)), into: out)
    }

    /// Writes into `target`, which may itself be strided.
    package func write(_ values: HostView, _ indices: [HostView], into target: MutableHostView) throws(OpError) {
      let places = plan.resultShape(of: target.shape, indices: indices[0].shape)
      guard let strides = values.layout.expanded(to: places)?.strides else {
        throw OpError("indexPut", "values of shape \(values.shape) do not broadcast to the indexed places \(places)")
      }
      CopiedBytes.add(places.elementCount * target.dtype.byteSize)
      let bad = plan.withArguments(target, indices) { args in
        strides.withUnsafePointer { strides in
          fb_index_put(args, target.code, accumulates, target.pointer, values.pointer, strides)
        }
      }
      if bad >= 0 { throw plan.complaint("indexPut", indices, target.shape) }
    }

    package var gradient: Gradient {
      let kept = Kept(rawValue: Kept.inputs.rawValue & ~Kept.input(0).rawValue & ~Kept.input(1).rawValue)
      return .pullback(keeps: kept) { [self] cotangents, saved in
        let none: [Tensor?] = Array(repeating: nil, count: saved.inputCount - 2)
        guard let g = cotangents[0] else { return [nil, nil] + none }
        let indices = (2..<saved.inputCount).map { saved.input($0) }
        let zero = Tensor.zeros([], dtype: g.dtype, device: g.device)
        return [
          accumulates || !saved.needs(0) ? g : apply(self, [g, zero] + indices)[0],
          saved.needs(1) ? apply(Primitives.Index(plan: plan), [g] + indices)[0].summed(to: saved.spec(1).shape) : nil,
        ] + none
      }
    }
  }
}

extension Tensor {
  /// A copy with `values` written (or added) where `indices` point, one tensor for each leading dimension; nil takes a
  /// whole dimension. SeeAlso: torch.index_put
  public func indexPut(_ indices: [Tensor?], _ values: Tensor, accumulate: Bool = false) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard values.dtype == dtype else { throw OpError("indexPut", "dtypes must agree: \(spec) × \(values.spec)") }
      let resolved = try ResolvedIndex(indices.map { $0.map { IndexItem.tensor($0) } ?? .all }, of: self)
      return try resolved.replacing(in: self, with: values, accumulate: accumulate)
    }
  }

  /// The elements where `indices` point, one tensor for each leading dimension; nil takes a whole dimension.
  /// SeeAlso: torch.Tensor.index, torch.ops.aten.index
  public func index(_ indices: [Tensor?]) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      try ResolvedIndex(indices.map { $0.map { IndexItem.tensor($0) } ?? .all }, of: self).reading(self)
    }
  }
}
